/** `/embed`: the elements for other sites, inside a page that looks different, and the lines to copy. */

import { useSearchParams } from '@solidjs/router';
import { createResource, createSignal, For, Show } from 'solid-js';

import { answer, api } from '../api/client';
import { locale, t } from '../i18n';
import { e, useEmbed } from '../i18n/embed';
import { poll } from '../lib/poll';
import { CODE } from '../ui/code';
import { Copy, short } from '../ui/format';
import { Title } from '../ui/frame';
import '../lib/palette';

declare module 'solid-js' {
  // The elements are no components: their attributes are set as in markup.
  namespace JSX {
    interface IntrinsicElements {
      'vouch-code-field': JSX.HTMLAttributes<HTMLElement> & Attributes;
      'vouch-panel': JSX.HTMLAttributes<HTMLElement> & Attributes;
    }
  }
}
type Attributes = { [name in `attr:${string}`]?: string | undefined };

/** Tells whether a text may be an address: only that goes into markup that somebody copies. */
const ADDRESS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
/** The built script, as other sites load it. */
const SCRIPT: string = '/embed/v1.js';
const load = (): Promise<unknown> =>
  import.meta.env.DEV ? import('../embed') : import(/* @vite-ignore */ SCRIPT);

type Pinned = { pinned: string; integrity: string };

const THEME = `vouch-code-field, vouch-panel {
  --vouch-accent: #b3003c;
  --vouch-font: Georgia, serif;
  --vouch-radius: 0;
}
vouch-panel::part(heading) { font-size: 2rem; }`;

export default function EmbedPage() {
  const [words] = createResource(locale, async (language) => {
    await useEmbed(language);
    return true;
  });
  return <Show when={words.latest}>{<Embed />}</Show>;
}

function Embed() {
  const [query, setQuery] = useSearchParams<{ campaign?: string; code?: string }>();
  const [loaded] = createResource(() =>
    load().then(
      () => 'there',
      () => 'failed',
    ),
  );
  const [pinned] = createResource(() =>
    fetch('/embed/v1.json').then(
      async (found) => (found.ok ? ((await found.json()) as Pinned) : undefined),
      () => undefined,
    ),
  );
  const campaigns = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/campaigns', { params: { query: { limit: 50 } }, signal })),
    60_000,
  );
  const [sent, setSent] = createSignal<string>();
  const code = () => {
    const typed = (query.code ?? '').trim().toUpperCase();
    return CODE.test(typed) ? typed : undefined;
  };
  const campaign = () => query.campaign || undefined;
  const open = () => (campaigns.data()?.campaigns ?? []).filter(({ closed }) => !closed);
  const isListed = () => open().some(({ address }) => address === campaign());

  const attribute = (name: string, value: string | undefined) =>
    value ? ` ${name}="${value}"` : '';
  const inCampaign = () => attribute('campaign', ADDRESS.test(campaign() ?? '') ? campaign() : '');
  const lines = () =>
    [
      `<script type="module" src="${location.origin}${SCRIPT}"></script>`,
      `<vouch-code-field name="referral_code"${inCampaign()}></vouch-code-field>`,
      // Without both it shows nothing.
      ...(code() || inCampaign()
        ? [`<vouch-panel${attribute('code', code())}${inCampaign()}></vouch-panel>`]
        : []),
    ].join('\n');
  const pinnedLine = ({ pinned, integrity }: Pinned) =>
    `<script type="module" src="${location.origin}${pinned}" integrity="${integrity}" crossorigin></script>`;
  const policy = () => `script-src ${location.origin}/embed/; connect-src ${location.origin}`;

  return (
    <>
      <Title of={e().title} />
      <div class="head">
        <h1>{e().title}</h1>
        <p>{e().lead}</p>
      </div>
      <section class="section" aria-labelledby="choose">
        <header>
          <h2 id="choose">{e().choose}</h2>
        </header>
        <div class="sheet card embed-choice">
          <div class="field">
            <label for="embed-campaign">{e().campaign}</label>
            <select
              id="embed-campaign"
              onChange={(event) =>
                setQuery({ campaign: event.currentTarget.value || null }, { replace: true })
              }
            >
              <option value="" selected={!campaign()}>
                {e().any}
              </option>
              <Show when={campaign() && !isListed() && campaign()}>
                {(address) => (
                  <option value={address()} selected>
                    {short(address())}
                  </option>
                )}
              </Show>
              <For each={open()}>
                {(each) => (
                  <option value={each.address} selected={each.address === campaign()}>
                    {each.name ?? t().home.unnamed} ({short(each.address)})
                  </option>
                )}
              </For>
            </select>
          </div>
          <div class="field">
            <label for="embed-code">{e().code}</label>
            <input
              id="embed-code"
              value={query.code ?? ''}
              maxlength="12"
              autocomplete="off"
              autocapitalize="characters"
              spellcheck={false}
              aria-describedby="embed-code-hint"
              onInput={(event) =>
                setQuery({ code: event.currentTarget.value || null }, { replace: true })
              }
            />
            <p class="hint" id="embed-code-hint">
              {e().codeHint}
            </p>
          </div>
        </div>
      </section>
      <section class="section" aria-labelledby="see">
        <header>
          <h2 id="see">{e().see}</h2>
          <p>{e().seeText}</p>
        </header>
        <Show when={loaded() === 'failed'}>
          <p class="notice" role="alert">
            {e().failed}
          </p>
        </Show>
        <div class="shop">
          <form
            onSubmit={(event) => {
              event.preventDefault();
              const entries = [...new FormData(event.currentTarget)];
              setSent(entries.map(([name, value]) => `${name}=${String(value)}`).join('&'));
            }}
          >
            <h3>{e().shop}</h3>
            <p>{e().shopText}</p>
            <label for="shop-email">{e().email}</label>
            <input id="shop-email" name="email" type="email" autocomplete="off" />
            <vouch-code-field
              attr:name="referral_code"
              attr:no-store=""
              attr:campaign={campaign()}
              attr:value={code() ?? ''}
            />
            <button>{e().signUp}</button>
            <p role="status">
              <Show when={sent()}>
                {(sent) => (
                  <>
                    {e().sent} <code>{sent()}</code>
                  </>
                )}
              </Show>
            </p>
          </form>
          <Show when={code() ?? campaign()}>
            <vouch-panel attr:code={code()} attr:campaign={campaign()} />
          </Show>
        </div>
      </section>
      <section class="section" aria-labelledby="lines">
        <header>
          <h2 id="lines">{e().lines}</h2>
          <p>{e().linesText}</p>
        </header>
        <pre class="code" tabindex="0" aria-labelledby="lines">
          {lines()}
        </pre>
        <p class="actions">
          <Show when={inCampaign()} fallback={<span class="hint">{e().chooseFirst}</span>}>
            <Copy text={lines()} class="button primary">
              {e().copy}
            </Copy>
          </Show>
        </p>
      </section>
      <Show when={pinned()}>
        {(pinned) => (
          <section class="section" aria-labelledby="pinned">
            <header>
              <h2 id="pinned">{e().pinned}</h2>
              <p>{e().pinnedText}</p>
            </header>
            <pre class="code" tabindex="0" aria-labelledby="pinned">
              {pinnedLine(pinned())}
            </pre>
            <p class="actions">
              <Copy text={pinnedLine(pinned())}>{e().copyPinned}</Copy>
            </p>
          </section>
        )}
      </Show>
      <section class="section" aria-labelledby="policy">
        <header>
          <h2 id="policy">{e().policy}</h2>
          <p>{e().policyText}</p>
        </header>
        <pre class="code" tabindex="0" aria-labelledby="policy">
          {policy()}
        </pre>
      </section>
      <section class="section" aria-labelledby="theme">
        <header>
          <h2 id="theme">{e().theme}</h2>
          <p>{e().themeText}</p>
        </header>
        <pre class="code" tabindex="0" aria-labelledby="theme">
          {THEME}
        </pre>
      </section>
    </>
  );
}
