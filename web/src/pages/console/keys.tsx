/** API keys: made, replaced, revoked. A key is shown once. */

import { createSignal, For, Show } from 'solid-js';

import { answer, api, done, type Key } from '../../api/client';
import { c, words } from '../../i18n/console';
import { announce, focusOn } from '../../lib/announce';
import { poll } from '../../lib/poll';
import { Copy, Status, Time, type Kind } from '../../ui/format';
import { Keyed } from '../../ui/keyed';
import { Failure, Skeleton } from '../../ui/states';

const SCOPES = ['read:analytics', 'write:events', 'write:profile'] as const;
const LIVES = [30, 90, 365] as const;

/** An identity for a request, so that asking again makes no second key. */
function once(): string {
  return crypto.randomUUID();
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
  const [sure, setSure] = createSignal<Key>();
  let shown: HTMLDivElement | undefined;
  let dialog: HTMLDialogElement | undefined;
  // The same request until it has succeeded: an answer may be lost.
  let request = once();

  const run = async (ask: () => Promise<string | undefined>) => {
    setFailure(undefined);
    try {
      const key = await ask();
      request = once();
      keys.again();
      if (key === undefined) return true;
      setMade(key);
      focusOn(shown);
      announce(c().keys.created);
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    }
  };
  const make = async (form: HTMLFormElement) => {
    const entered = new FormData(form);
    const life = Number(entered.get('life'));
    const body = {
      name: String(entered.get('name') ?? '').trim(),
      scopes: entered.getAll('scope').map(String),
      ...(life > 0 && { expires_in_days: life }),
    };
    const params = { path: path(), header: { 'Idempotency-Key': request } };
    const isMade = await run(
      async () => (await answer(api.POST('/v1/campaigns/{address}/keys', { params, body }))).key,
    );
    if (isMade) form.reset();
  };
  const rotate = (key: Key) =>
    run(async () => {
      const params = {
        path: { ...path(), id: key.id },
        header: { 'Idempotency-Key': request },
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
                    rotate={() => void rotate(key())}
                    revoke={() => {
                      setSure(key());
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
          <fieldset class="field">
            <legend class="label">{c().keys.scopes}</legend>
            <For each={SCOPES}>
              {(scope, index) => (
                <label class="check">
                  <input type="checkbox" name="scope" value={scope} checked={index() === 0} />{' '}
                  {c().keys.scope[scope]}
                </label>
              )}
            </For>
          </fieldset>
          <div class="field">
            <label for="key-life">{c().keys.expires}</label>
            <select id="key-life" name="life">
              <For each={LIVES}>
                {(days) => <option value={days}>{c().keys.days(days)}</option>}
              </For>
              <option value="0">{c().keys.never}</option>
            </select>
          </div>
          <button class="button">{c().keys.make}</button>
        </form>
      </details>
      <dialog ref={dialog} aria-labelledby="sure">
        <Show when={sure()}>
          {(key) => (
            <form
              method="dialog"
              onSubmit={(event) => {
                const { submitter } = event as SubmitEvent;
                if ((submitter as HTMLButtonElement | null)?.value === 'yes') void revoke(key());
              }}
            >
              <h2 id="sure">
                <bdi>{c().keys.sure(key().name)}</bdi>
              </h2>
              <p>{c().keys.sureText}</p>
              <p class="actions">
                <button class="button primary" value="yes">
                  {c().keys.revoke}
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

function Row(props: { key: Key; rotate: () => void; revoke: () => void }) {
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
      </dd>
      <Show when={props.key.works}>
        <dd class="note">
          <button
            type="button"
            class="button quiet"
            title={c().keys.rotateText}
            aria-label={`${c().keys.rotate}: ${props.key.name}`}
            onClick={() => props.rotate()}
          >
            {c().keys.rotate}
          </button>
          <button
            type="button"
            class="button quiet"
            aria-label={`${c().keys.revoke}: ${props.key.name}`}
            onClick={() => props.revoke()}
          >
            {c().keys.revoke}
          </button>
        </dd>
      </Show>
    </div>
  );
}
