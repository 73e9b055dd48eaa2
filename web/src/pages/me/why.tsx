/** Asks the chain why a conversion was credited, or not. */

import { A } from '@solidjs/router';
import { createEffect, createSignal, For, on, Show } from 'solid-js';

import { answer, api } from '../../api/client';
import type { components } from '../../api/schema';
import { t } from '../../i18n';
import { m } from '../../i18n/me';
import { r } from '../../i18n/run';
import { announce, focusOn } from '../../lib/announce';
import { explorer } from '../../lib/site';
import { short, Status, Time } from '../../ui/format';
import { Failure } from '../../ui/states';

type Answer = components['schemas']['WhyAnswer'];
type Attempt = components['schemas']['AttemptAnswer'];
/** A text that may be a wallet; every other one is the number of an order. */
const WALLET = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const SHOWN = 200;

export function Why(props: { campaign: string | undefined }) {
  const [campaigns, setCampaigns] = createSignal<{ address: string; name?: string | null }[]>();
  const [chosen, setChosen] = createSignal<string>();
  const [typed, setTyped] = createSignal('');
  const [found, setFound] = createSignal<Answer>();
  const [failure, setFailure] = createSignal<unknown>();
  const [isMissing, setMissing] = createSignal(false);
  const [isOpen, setOpen] = createSignal(false);
  let result: HTMLDivElement | undefined;

  const load = async () => {
    try {
      const params = { query: { limit: SHOWN } };
      setCampaigns((await answer(api.GET('/v1/campaigns', { params }))).campaigns);
    } catch (error) {
      setFailure(error);
    }
  };
  createEffect(on(chosen, () => setFound(undefined), { defer: true }));
  const campaign = () => chosen() ?? props.campaign ?? campaigns()?.[0]?.address;
  const ask = async () => {
    const by = typed().trim();
    const address = campaign();
    setFound(undefined);
    setFailure(undefined);
    setMissing(by === '');
    if (by === '' || !address) return;
    try {
      const query = { campaign: address, ...(WALLET.test(by) ? { wallet: by } : { order: by }) };
      setFound(await answer(api.GET('/v1/why', { params: { query } })));
      announce(verdict(found()!));
      focusOn(result);
    } catch (error) {
      setFailure(error);
    }
  };
  const errorOf = (code: string) => t().errors[code]?.[0] ?? r().errors[code]?.[0] ?? code;
  const verdict = ({ reason }: Answer) =>
    r().why.reasons[reason] ?? r().why.refused(errorOf(reason));

  return (
    <section class="section why" aria-labelledby="why">
      <header>
        <h2 id="why">{r().why.title}</h2>
        <p>{r().why.text}</p>
      </header>
      <details
        onToggle={(event) => {
          setOpen(event.currentTarget.open);
          if (isOpen() && !campaigns()) void load();
        }}
      >
        <summary>{r().why.ask}</summary>
        <Show when={isOpen()}>
          <form
            class="panel-form sheet card"
            novalidate
            onSubmit={(event) => {
              event.preventDefault();
              void ask();
            }}
          >
            <div class="field">
              <label for="why-campaign">{r().why.campaign}</label>
              <select
                id="why-campaign"
                value={campaign()}
                onChange={(event) => setChosen(event.currentTarget.value)}
              >
                <For each={campaigns()}>
                  {(one) => (
                    <option value={one.address} selected={one.address === campaign()}>
                      {one.name ?? `${t().home.unnamed} ${short(one.address)}`}
                    </option>
                  )}
                </For>
              </select>
            </div>
            <div class="field">
              <label for="why-by">{r().why.by}</label>
              <input
                id="why-by"
                value={typed()}
                onInput={(event) => setTyped(event.currentTarget.value)}
                autocomplete="off"
                spellcheck={false}
                maxlength="200"
                aria-invalid={isMissing()}
                aria-describedby="why-hint"
              />
              <p class="hint" classList={{ wrong: isMissing() }} id="why-hint">
                {isMissing() ? r().why.none : r().why.byHint}
              </p>
            </div>
            <p class="actions">
              <button class="button primary">{r().why.ask}</button>
            </p>
            <Show when={failure()}>
              {(error) => <Failure error={error()} words={m().errors} />}
            </Show>
            <Show when={found()}>
              {(found) => (
                <div class="stack" tabindex="-1" ref={result}>
                  <p>
                    <Status kind={found().credited ? 'paid' : 'plain'}>{verdict(found())}</Status>
                  </p>
                  <Show when={found().conversion}>
                    {(conversion) => (
                      <p>
                        <code>{conversion().code}</code>{' '}
                        <A href={`/conversion/${conversion().address}`}>{r().why.see}</A>
                      </p>
                    )}
                  </Show>
                  <Show when={found().touch}>
                    {(touch) => (
                      <p class="small">
                        {r().why.touch}: <code>{touch().code}</code>
                      </p>
                    )}
                  </Show>
                  <Show when={found().attempts.length > 0}>
                    <h3>{r().why.attempts}</h3>
                    <dl class="rows">
                      <For each={found().attempts}>
                        {(attempt) => <Tried attempt={attempt} error={errorOf} />}
                      </For>
                    </dl>
                  </Show>
                </div>
              )}
            </Show>
          </form>
        </Show>
      </details>
    </section>
  );
}

function Tried(props: { attempt: Attempt; error: (code: string) => string }) {
  return (
    <div>
      <dt>
        <Show when={props.attempt.at}>{(at) => <Time at={at()} />}</Show>{' '}
        <Show when={props.attempt.code}>{(code) => <code>{code()}</code>}</Show>{' '}
        <a
          href={explorer('tx', props.attempt.signature)}
          target="_blank"
          rel="noreferrer"
          title={t().common.inExplorer}
        >
          {short(props.attempt.signature)}
          <span aria-hidden="true"> ↗</span>
          <span class="hidden"> ({t().common.inExplorer})</span>
        </a>
      </dt>
      <dd>
        <Status kind={props.attempt.succeeded ? 'paid' : 'act'}>
          {props.attempt.succeeded
            ? r().why.succeeded
            : props.attempt.error
              ? props.error(props.attempt.error)
              : r().why.failed}
        </Status>
      </dd>
    </div>
  );
}
