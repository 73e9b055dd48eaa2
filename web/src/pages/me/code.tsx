/** A code with its link: to pass on, and what came of it. */

import { A } from '@solidjs/router';
import { createSignal, Match, Show, Switch } from 'solid-js';

import { answer, api, type Campaign, type OwnCode } from '../../api/client';
import { formatBps } from '../../format/money';
import { locale, t } from '../../i18n';
import { m } from '../../i18n/me';
import { r } from '../../i18n/run';
import { announce } from '../../lib/announce';
import { isShare } from '../../lib/analytics';
import { poll } from '../../lib/poll';
import { Copy, Money, Status, tokenOf } from '../../ui/format';
import { Failure } from '../../ui/states';

export function Link(props: { code: OwnCode; campaign: Campaign | undefined }) {
  const id = () => props.code.code;
  const stats = poll(
    id,
    (code, signal) => {
      const params = { path: { code }, query: { campaign: props.code.campaign } };
      return answer(api.GET('/v1/codes/{code}/stats', { params, signal }));
    },
    10_000,
  );
  const name = () => props.campaign?.name ?? t().home.unnamed;
  const image = (kind: 'png' | 'svg') =>
    `/v1/codes/${id()}/qr.${kind}?campaign=${props.code.campaign}`;
  const share = () => {
    const data = { title: name(), text: m().codes.shareText(name()), url: props.code.share_url };
    // Closing the sheet is no failure.
    void navigator.share(data).catch(() => {});
  };
  return (
    <article class="sheet card link" aria-labelledby={`code-${props.code.referral}`}>
      <header>
        <h3 id={`code-${props.code.referral}`}>
          <code>{id()}</code>
        </h3>
        <p class="small">
          <A href={`/c/${props.code.campaign}?ref=${id()}`}>{name()}</A>
        </p>
        <Switch>
          <Match when={props.code.closed}>
            <Status kind="plain">{m().codes.closed}</Status>
          </Match>
          <Match when={props.campaign?.closed}>
            <Status kind="plain">{t().codeReasons['campaign_closed']![0]}</Status>
          </Match>
          <Match when={props.code.suspended}>
            <Status kind="act">{m().codes.suspended}</Status>
          </Match>
          <Match when={!props.code.active}>
            <Status kind="wait">{m().codes.off}</Status>
          </Match>
        </Switch>
      </header>
      <div class="pass">
        <p class="url">
          <a href={props.code.share_url} rel="external">
            {props.code.share_url.replace(/^https?:\/\//, '')}
          </a>
        </p>
        <Copy text={props.code.share_url} class="button">
          {m().codes.copy}
        </Copy>
        <Qr code={id()} image={image} />
        <Show when={'share' in navigator}>
          <button type="button" class="button" onClick={share}>
            {m().codes.share}
          </button>
        </Show>
      </div>
      <ul class="facts">
        <Show when={props.campaign}>
          {(campaign) => (
            <li>
              <Money units={props.code.paid} token={tokenOf(campaign())} /> {m().codes.earned}
              <Show when={props.code.pending !== '0'}>
                , <Money units={props.code.pending} token={tokenOf(campaign())} /> {m().codes.waits}
              </Show>
            </li>
          )}
        </Show>
        <li>{m().codes.conversions(props.code.conversions)}</li>
        <Show when={stats.data()}>
          {(stats) => (
            <li>
              {m().codes.clicks(stats().clicks.total)}
              <Show when={stats().clicks.bots > 0}>, {m().codes.bots(stats().clicks.bots)}</Show>
              <Show when={stats().conversion_rate}>
                {(rate) => (
                  <>
                    ,{' '}
                    {isShare(rate())
                      ? m().codes.rate(formatBps(BigInt(Math.round(rate() * 1000)) * 10n, locale()))
                      : m().codes.beyond}
                  </>
                )}
              </Show>
            </li>
          )}
        </Show>
      </ul>
      <details>
        <summary>{m().codes.appearance}</summary>
        <Appearance code={id()} campaign={props.code.campaign} />
      </details>
    </article>
  );
}

/** The picture of the link, large enough for a camera across a table. The cards stay where they are. */
function Qr(props: { code: string; image: (kind: 'png' | 'svg') => string }) {
  const [isOpen, setOpen] = createSignal(false);
  return (
    <>
      <button type="button" class="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {m().codes.qr}
      </button>
      <Show when={isOpen()}>
        <dialog
          class="acting"
          aria-label={m().codes.qrAlt(props.code)}
          ref={(dialog) => queueMicrotask(() => dialog.showModal())}
          onClose={() => setOpen(false)}
        >
          <div class="qr">
            <img
              src={props.image('svg')}
              alt={m().codes.qrAlt(props.code)}
              width="320"
              height="320"
            />
            <p>
              <code>{props.code}</code>
            </p>
            <p class="actions">
              <a
                class="button"
                href={props.image('png')}
                download={`${props.code}.png`}
                rel="external"
              >
                {m().codes.png}
              </a>
              <a
                class="button"
                href={props.image('svg')}
                download={`${props.code}.svg`}
                rel="external"
              >
                {m().codes.svg}
              </a>
              <button
                type="button"
                class="button"
                onClick={(event) => event.currentTarget.closest('dialog')?.close()}
              >
                {r().act.close}
              </button>
            </p>
          </div>
        </dialog>
      </Show>
    </>
  );
}

/** The owner's words to people who follow the link. */
function Appearance(props: { code: string; campaign: string }) {
  const params = () => ({ path: { code: props.code }, query: { campaign: props.campaign } });
  const found = poll(
    () => props.code,
    async (_, signal) =>
      (await answer(api.GET('/v1/codes/{code}', { params: params(), signal }))).profile ?? null,
    0,
  );
  const [saved, setSaved] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const save = async (form: HTMLFormElement) => {
    const entered = new FormData(form);
    const text = (name: string) => String(entered.get(name) ?? '').trim() || null;
    // The profile is replaced as a whole, so what this form does not show goes along.
    const body = { ...found.data(), nickname: text('nickname'), message: text('message') };
    setFailure(undefined);
    setSaved(false);
    try {
      await answer(api.PUT('/v1/codes/{code}/profile', { params: params(), body }));
      setSaved(true);
      announce(m().codes.saved);
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Show when={found.data() !== undefined}>
      <form
        class="panel-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save(event.currentTarget);
        }}
      >
        <div class="field">
          <label for={`nickname-${props.code}`}>{m().codes.nickname}</label>
          <input
            id={`nickname-${props.code}`}
            name="nickname"
            maxlength="40"
            value={found.data()?.nickname ?? ''}
            autocomplete="nickname"
            aria-describedby={`nickname-hint-${props.code}`}
          />
          <p class="hint" id={`nickname-hint-${props.code}`}>
            {m().codes.nicknameHint}
          </p>
        </div>
        <div class="field">
          <label for={`message-${props.code}`}>{m().codes.message}</label>
          <textarea
            id={`message-${props.code}`}
            name="message"
            maxlength="280"
            rows="3"
            aria-describedby={`message-hint-${props.code}`}
          >
            {found.data()?.message ?? ''}
          </textarea>
          <p class="hint" id={`message-hint-${props.code}`}>
            {m().codes.messageHint}
          </p>
        </div>
        <button class="button">{m().codes.save}</button>
        <Show when={saved()}>
          <p class="small">{m().codes.saved}</p>
        </Show>
        <Show when={failure()}>{(error) => <Failure error={error()} words={m().errors} />}</Show>
      </form>
    </Show>
  );
}
