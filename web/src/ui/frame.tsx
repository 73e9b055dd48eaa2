/** The frame around every page. */

import { A, useLocation } from '@solidjs/router';
import { createEffect, ErrorBoundary, For, on, type JSX } from 'solid-js';

import { locale, NAMES, t, use } from '../i18n';
import { announce, focusOn, said } from '../lib/announce';
import { Failure } from './states';

/** Milliseconds after which a page that was opened has its name. */
const NAMED = 300;

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect class="seal" width="32" height="32" rx="8" />
      <path class="tick" d="M8 10l6.5 13L25 8" />
    </svg>
  );
}

export function Frame(props: { children?: JSX.Element }) {
  const place = useLocation();
  const current = (path: string) => (place.pathname === path ? 'page' : undefined);
  let main: HTMLElement | undefined;
  // A person who cannot see that it is another page is told so, and stands at its beginning.
  createEffect(
    on(
      () => place.pathname,
      () => {
        focusOn(main);
        window.setTimeout(() => announce(document.title), NAMED);
      },
      { defer: true },
    ),
  );
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          // The router would take it for another page.
          event.preventDefault();
          focusOn(main);
          main?.scrollIntoView();
        }}
      >
        {t().frame.skip}
      </a>
      <p class="hidden" role="status">
        {said()}
      </p>
      <header class="wide top">
        <A class="brand" href="/" aria-label={t().frame.home}>
          <Mark />
          <span aria-hidden="true">Vouch</span>
        </A>
        <nav aria-label={t().frame.menu}>
          <A href="/me" aria-current={current('/me')}>
            {t().frame.me}
          </A>
          <A href="/console" aria-current={current('/console')}>
            {t().frame.console}
          </A>
          <A href="/leaderboard" aria-current={current('/leaderboard')}>
            {t().frame.leaderboard}
          </A>
          <a href="/docs/" rel="external">
            {t().frame.api}
          </a>
        </nav>
      </header>
      <main id="content" class="wide" tabindex="-1" ref={main}>
        <ErrorBoundary fallback={(error, again) => <Failure error={error} again={again} />}>
          {props.children}
        </ErrorBoundary>
      </main>
      <footer class="foot">
        <div class="wide">
          <p>{t().frame.foot}</p>
          <For each={Object.entries(NAMES)}>
            {([language, name]) => (
              <button
                type="button"
                class="button quiet"
                lang={language}
                aria-pressed={locale() === language}
                onClick={() => void use(language, true)}
              >
                {name}
              </button>
            )}
          </For>
          <a href="/openapi.json" rel="external">
            {t().frame.openapi}
          </a>
          <a href="/healthz" rel="external">
            {t().frame.health}
          </a>
        </div>
      </footer>
    </>
  );
}

/** Names the page in the browser's tab. */
export function Title(props: { of: string }) {
  createEffect(() => {
    document.title = `${props.of} · Vouch`;
  });
  return null;
}
