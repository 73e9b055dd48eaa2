/** What every page stands in. */

import { A, useLocation } from '@solidjs/router';
import { createEffect, ErrorBoundary, For, type JSX } from 'solid-js';

import { locale, NAMES, t, use } from '../i18n';
import { Failure } from './states';

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
  return (
    <>
      <a class="skip" href="#content">
        {t().frame.skip}
      </a>
      <header class="wide top">
        <A class="brand" href="/" aria-label={t().frame.home}>
          <Mark />
          <span aria-hidden="true">Vouch</span>
        </A>
        <nav aria-label={t().frame.menu}>
          <A href="/leaderboard" aria-current={current('/leaderboard')}>
            {t().frame.leaderboard}
          </A>
          <a href="/docs/" rel="external">
            {t().frame.api}
          </a>
        </nav>
      </header>
      <main id="content" class="wide" tabindex="-1">
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
