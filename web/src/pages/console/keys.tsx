/** API keys: made, replaced, revoked. A key is shown once. */

import { createSignal, For, Show } from 'solid-js';

import { answer, api, done, type Key } from '../../api/client';
import { c, words } from '../../i18n/console';
import { announce, focusOn } from '../../lib/announce';
import { poll } from '../../lib/poll';
import { Copy, Status, Time, type Kind } from '../../ui/format';
import { Keyed } from '../../ui/keyed';
import { Failure, Skeleton } from '../../ui/states';

/** The one for which there are routes. */
const SCOPES = ['write:profile'];
const LIVES = [365, 90, 30] as const;

/** Identities of requests: asking for the same once more makes no second key. */
function identities() {
  let known: { asked: string; id: string } | undefined;
  return {
    of: (asked: string) => {
      if (known?.asked !== asked) known = { asked, id: crypto.randomUUID() };
      return known.id;
    },
    succeeded: () => (known = undefined),
  };
}

export function Keys(props: { campaign: string }) {
  const path = () => ({ address: props.campaign });
  const keys = poll(
    () => props.campaign,
    async (_, signal) =>
      (await answer(api.GET('/v1/campaigns/{address}/keys', { params: { path: path() }, signal })))
        .keys,
    15_000,
  );
  /** The key that was just made, until the person has kept it. */
  const [made, setMade] = createSignal<string>();
  const [failure, setFailure] = createSignal<unknown>();
  const [sure, setSure] = createSignal<{ key: Key; what: 'rotate' | 'revoke' }>();
  const [busy, setBusy] = createSignal(false);
  let shown: HTMLDivElement | undefined;
  let dialog: HTMLDialogElement | undefined;
  const requests = identities();

  const run = async (ask: () => Promise<string | undefined>) => {
    if (busy()) return false;
    setBusy(true);
    setFailure(undefined);
    try {
      const key = await ask();
      requests.succeeded();
      if (key === undefined) {
        announce(c().keys.state.revoked);
        return true;
      }
      setMade(key);
      focusOn(shown);
      announce(c().keys.created);
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    } finally {
      setBusy(false);
      // Also after a failure: the answer may have been lost, and not the request.
      keys.again();
    }
  };
  const make = async (form: HTMLFormElement) => {
    const entered = new FormData(form);
    const life = Number(entered.get('life'));
    const body = {
      name: String(entered.get('name') ?? '').trim(),
      scopes: SCOPES,
      ...(life > 0 && { expires_in_days: life }),
    };
    const id = requests.of(JSON.stringify(body));
    const params = { path: path(), header: { 'Idempotency-Key': id } };
    const isMade = await run(
      async () => (await answer(api.POST('/v1/campaigns/{address}/keys', { params, body }))).key,
    );
    if (isMade) form.reset();
  };
  const rotate = (key: Key) =>
    run(async () => {
      const params = {
        path: { ...path(), id: key.id },
        header: { 'Idempotency-Key': requests.of(`rotate ${key.id}`) },
      };
      const url = '/v1/campaigns/{address}/keys/{id}/rotate';
      return (await answer(api.POST(url, { params, body: {} }))).key;
    });
  const revoke = (key: Key) =>
    run(async () => {
      const params = { path: { ...path(), id: key.id } };
      await done(api.DELETE('/v1/campaigns/{address}/keys/{id}', { params }));
      return undefined;
    });

  return (
    <section class="section" aria-labelledby="keys">
      <header>
        <h2 id="keys">{c().keys.title}</h2>
        <p>{c().keys.text}</p>
      </header>
      <Show when={made()}>
        {(key) => (
          <div class="notice" tabindex="-1" ref={shown}>
            <p>
              <strong>{c().keys.created}</strong> {c().keys.createdText}
            </p>
            <p>
              <code class="secret">{key()}</code>
            </p>
            <Copy text={key()}>{c().keys.copy}</Copy>{' '}
            <button type="button" class="button quiet" onClick={() => setMade(undefined)}>
              {c().keys.done}
            </button>
          </div>
        )}
      </Show>
      <Show
        when={keys.data()}
        fallback={
          <Show when={keys.error()} fallback={<Skeleton lines={2} height="2.5rem" />}>
            {(error) => <Failure error={error()} words={words()} again={keys.again} />}
          </Show>
        }
      >
        {(all) => (
          <>
            <Show when={all().length === 0}>
              <p class="small">{c().keys.none}</p>
            </Show>
            <dl class="rows">
              <Keyed each={all()} by={(key) => key.id}>
                {(key) => (
                  <Row
                    key={key()}
                    ask={(what) => {
                      setSure({ key: key(), what });
                      dialog?.showModal();
                    }}
                  />
                )}
              </Keyed>
            </dl>
          </>
        )}
      </Show>
      <Show when={failure()}>{(error) => <Failure error={error()} words={words()} />}</Show>
      <details>
        <summary>{c().keys.make}</summary>
        <form
          class="panel-form"
          onSubmit={(event) => {
            event.preventDefault();
            void make(event.currentTarget);
          }}
        >
          <div class="field">
            <label for="key-name">{c().keys.name}</label>
            <input id="key-name" name="name" required maxlength="60" autocomplete="off" />
          </div>
          <div class="field">
            <label for="key-life">{c().keys.expires}</label>
            <select id="key-life" name="life">
              <For each={LIVES}>
                {(days) => <option value={days}>{c().keys.days(days)}</option>}
              </For>
              <option value="0">{c().keys.never}</option>
            </select>
          </div>
          <button class="button" aria-disabled={busy()}>
            {c().keys.make}
          </button>
        </form>
      </details>
      <dialog ref={dialog} aria-labelledby="sure" aria-describedby="sure-text">
        <Show when={sure()}>
          {(sure) => (
            <form
              method="dialog"
              onSubmit={(event) => {
                const { submitter } = event as SubmitEvent;
                if ((submitter as HTMLButtonElement | null)?.value !== 'yes') return;
                void (sure().what === 'rotate' ? rotate : revoke)(sure().key);
              }}
            >
              <h2 id="sure">
                <bdi>{c().keys.sure[sure().what](sure().key.name)}</bdi>
              </h2>
              <p id="sure-text">{c().keys.sureText[sure().what]}</p>
              <p class="actions">
                <button class="button primary" value="yes">
                  {c().keys[sure().what]}
                </button>{' '}
                <button class="button" value="no" autofocus>
                  {c().keys.keep}
                </button>
              </p>
            </form>
          )}
        </Show>
      </dialog>
    </section>
  );
}

function Row(props: { key: Key; ask: (what: 'rotate' | 'revoke') => void }) {
  const state = (): { kind: Kind; word: string } => {
    if (props.key.works) return { kind: 'paid', word: c().keys.state.works };
    if (props.key.revoked_at) return { kind: 'plain', word: c().keys.state.revoked };
    const ended = props.key.expires_at && Date.parse(props.key.expires_at) <= Date.now();
    return { kind: 'plain', word: ended ? c().keys.state.ended : c().keys.state.other };
  };
  return (
    <div>
      <dt>
        <bdi>{props.key.name}</bdi> <code>{props.key.prefix}…</code>
      </dt>
      <dd>
        <Status kind={state().kind}>{state().word}</Status>
      </dd>
      <dd class="note">
        {props.key.scopes.map((scope) => c().keys.scope[scope] ?? scope).join(', ')}
        {' · '}
        <Show when={props.key.last_used_at} fallback={c().keys.unused}>
          {(at) => (
            <>
              {c().keys.used} <Time at={at()} />
            </>
          )}
        </Show>
        <Show when={props.key.expires_at}>
          {(at) => (
            <>
              {' · '}
              {c().keys.endsAt} <Time at={at()} />
            </>
          )}
        </Show>
        <Show when={props.key.replaced_by}>{` · ${c().keys.replaced}`}</Show>
      </dd>
      <Show when={props.key.works}>
        <dd class="note">
          <button
            type="button"
            class="button quiet"
            aria-label={`${c().keys.rotate}: ${props.key.name}`}
            onClick={() => props.ask('rotate')}
          >
            {c().keys.rotate}
          </button>
          <button
            type="button"
            class="button quiet"
            aria-label={`${c().keys.revoke}: ${props.key.name}`}
            onClick={() => props.ask('revoke')}
          >
            {c().keys.revoke}
          </button>
        </dd>
      </Show>
    </div>
  );
}
