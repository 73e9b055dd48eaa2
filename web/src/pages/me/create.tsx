/** A code of one's own: typed, checked while it is, shown before it is signed, created. */

import { createEffect, createSignal, For, Match, on, onMount, Show, Switch } from 'solid-js';

import { answer, api, type Campaign, type CodeInfo } from '../../api/client';
import { t } from '../../i18n';
import { m } from '../../i18n/me';
import { announce, focusOn } from '../../lib/announce';
import { now } from '../../lib/clock';
import type { Connection } from '../../lib/connection';
import { createFlow, type Stage } from '../../lib/flow';
import { poll } from '../../lib/poll';
import { Copy } from '../../ui/format';
import { Failure, Skeleton } from '../../ui/states';
import { Choose, Costs } from '../../ui/wallets';
import { createCheck, MAX, normal } from './check';

export function Create(props: {
  wallet: string;
  connection: Connection;
  /** The campaign that is proposed. */
  campaign?: string;
  close: () => void;
  created: () => void;
}) {
  const campaigns = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/campaigns', { params: { query: { limit: 200 } }, signal })),
    0,
  );
  const isOpen = (campaign: Campaign) =>
    !campaign.closed && !(campaign.ends_at && Date.parse(campaign.ends_at) <= now());
  const open = () => campaigns.data()?.campaigns.filter(isOpen) ?? [];
  const [chosen, setChosen] = createSignal(props.campaign);
  const campaign = () => open().find((it) => it.address === chosen()) ?? open()[0];
  const [typed, setTyped] = createSignal('');
  const check = createCheck(typed, () => campaign()?.address);
  /** The requested campaign and code: the answer names the code, also one that the API made. */
  let ordered: { campaign: string; code: string } | undefined;
  const flow = createFlow<CodeInfo>(props.connection, {
    order: async (owner) => {
      const address = campaign()!.address;
      const code = normal(typed());
      const body = { campaign: address, owner, ...(code && { code }) };
      const built = await answer(api.POST('/v1/transactions/create-referral', { body }));
      ordered = { campaign: address, code: built.code };
      const shown = { act: 'register', wallet: owner, ...ordered } as const;
      return { built, creates: built.referral, shown };
    },
    arrived: ({ shown: { code, campaign } }) => {
      const params = { path: { code }, query: { campaign } };
      return answer(api.GET('/v1/codes/{code}', { params }));
    },
  });
  const stage = flow.stage;
  const here = <A extends Stage<CodeInfo>['at']>(at: A) => {
    const current = stage();
    return current.at === at ? (current as Extract<typeof current, { at: A }>) : undefined;
  };
  createEffect(() => {
    if (stage().at === 'done') props.created();
  });
  let body: HTMLDivElement | undefined;
  onMount(() => focusOn(body?.querySelector('h3')));
  createEffect(
    on(
      () => stage().at,
      (at) => {
        if (at === 'sending') announce(t().landing.sending);
        else if (at === 'mirroring') announce(t().landing.mirroring);
        else queueMicrotask(() => focusOn(body?.querySelector('h3, h2')));
      },
      { defer: true },
    ),
  );
  const needsWallet = () => props.connection.account() === undefined;

  return (
    <div class="sheet lifted panel create" ref={body}>
      <Switch>
        <Match when={needsWallet()}>
          <h3>{m().create.title}</h3>
          <p>{m().create.connect}</p>
          <Show
            when={props.connection.state().at !== 'start'}
            fallback={
              <button type="button" class="button primary" onClick={() => props.connection.look()}>
                {t().landing.look}
              </button>
            }
          >
            <Choose connection={props.connection} />
          </Show>
        </Match>
        <Match when={here('idle')}>
          <form
            class="panel-form"
            onSubmit={(event) => {
              event.preventDefault();
              if (campaign() && check.mayGo()) void flow.prepare();
            }}
          >
            <h3>{m().create.title}</h3>
            <Show
              when={campaigns.data()}
              fallback={
                <Show when={campaigns.error()} fallback={<Skeleton height="2.75rem" />}>
                  {(error) => <Failure error={error()} again={campaigns.again} />}
                </Show>
              }
            >
              <Show when={campaign()} fallback={<p>{m().create.noCampaign}</p>}>
                {(campaign) => (
                  <>
                    <div class="field">
                      <label for="in">{m().create.campaign}</label>
                      <select id="in" onChange={(event) => setChosen(event.currentTarget.value)}>
                        <For each={open()}>
                          {(one) => (
                            <option
                              value={one.address}
                              selected={one.address === campaign().address}
                            >
                              {one.name ?? t().home.unnamed}
                            </option>
                          )}
                        </For>
                      </select>
                    </div>
                    <div class="field">
                      <label for="own">{m().create.code}</label>
                      <input
                        id="own"
                        class="code"
                        value={typed()}
                        onInput={(event) => setTyped(event.currentTarget.value)}
                        autocomplete="off"
                        autocapitalize="characters"
                        spellcheck={false}
                        maxlength={MAX + 4}
                        aria-invalid={check.isWrong()}
                        aria-describedby="own-hint own-state"
                      />
                      <p class="hint" id="own-hint">
                        {m().create.codeHint}
                      </p>
                      <p
                        class="hint"
                        classList={{ wrong: check.isWrong(), right: check.isFree() }}
                        id="own-state"
                        role="status"
                      >
                        {check.words()}
                      </p>
                    </div>
                    <Show when={check.suggestions().length > 0}>
                      <div class="suggestions" role="group" aria-label={m().create.suggestions}>
                        <span class="label">{m().create.suggestions}</span>
                        <For each={check.suggestions()}>
                          {(code) => (
                            <button
                              type="button"
                              class="button"
                              aria-label={m().create.take(code)}
                              onClick={() => setTyped(code)}
                            >
                              <code>{code}</code>
                            </button>
                          )}
                        </For>
                      </div>
                    </Show>
                    <div class="doors">
                      <button class="button primary" aria-disabled={!check.mayGo()}>
                        {m().create.next}
                      </button>
                      <button type="button" class="button" onClick={() => props.close()}>
                        {m().create.cancel}
                      </button>
                    </div>
                  </>
                )}
              </Show>
            </Show>
          </form>
        </Match>
        <Match when={here('preparing')}>
          <h3>{t().landing.signTitle}</h3>
          <Skeleton lines={5} height="2rem" />
        </Match>
        <Match when={here('review') ?? here('signing')}>
          {(stage) => (
            <div class="stack">
              <h3>{t().landing.signTitle}</h3>
              <p>{t().landing.signText}</p>
              <dl class="rows">
                <div>
                  <dt>{m().create.registers}</dt>
                  <dd>
                    <code>{stage().order.shown.code}</code>
                  </dd>
                </div>
                <div>
                  <dt>{m().create.for}</dt>
                  <dd>{campaign()?.name ?? t().home.unnamed}</dd>
                </div>
                <Costs
                  trial={stage().prepared.trial}
                  createsPlace={stage().prepared.inspected.createsPlace}
                />
              </dl>
              <Show
                when={stage().at === 'review'}
                fallback={
                  <p class="signing">
                    {t().landing.signing(props.connection.wallet()?.name ?? '')}
                  </p>
                }
              >
                <div class="doors">
                  <button type="button" class="button primary" onClick={() => void flow.sign()}>
                    {m().create.sign}
                  </button>
                  <button type="button" class="button" onClick={() => flow.reset()}>
                    {m().create.cancel}
                  </button>
                </div>
              </Show>
            </div>
          )}
        </Match>
        <Match when={here('sending')}>
          <p class="signing">{flow.long() ? t().landing.sendingLong : t().landing.sending}</p>
        </Match>
        <Match when={here('mirroring')}>
          <p class="signing">{t().landing.mirroring}</p>
        </Match>
        <Match when={here('done')}>
          {(stage) => (
            <div class="stack">
              <h3>{m().create.done(stage().done.code)}</h3>
              <p>{m().create.doneText}</p>
              <p class="url">{stage().done.share_url}</p>
              <div class="doors">
                <Copy text={stage().done.share_url} class="button primary">
                  {m().codes.copy}
                </Copy>
                <button type="button" class="button" onClick={() => props.close()}>
                  {t().landing.steps.done}
                </button>
              </div>
            </div>
          )}
        </Match>
        <Match when={here('problem')}>
          {(stage) => (
            <Failure error={stage().refusal} words={m().errors} again={() => flow.reset()} />
          )}
        </Match>
      </Switch>
    </div>
  );
}
