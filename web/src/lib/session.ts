/**
 * The session of this browser. The cookie that proves it is out of reach of scripts; what is kept here
 * only says whose it is, so that strangers are not asked and other tabs notice a change.
 */

import { createSignal, onCleanup } from 'solid-js';

export type Session = { readonly wallet: string; readonly walletName: string };

const KEY = 'vouch:session';

function kept(): Session | undefined {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Session> | null;
    const { wallet, walletName } = stored ?? {};
    if (typeof wallet === 'string' && typeof walletName === 'string') return { wallet, walletName };
  } catch {
    // Storage can be switched off, and hold anything.
  }
  return undefined;
}

/** The session, for as long as the page is shown. */
export function createSession() {
  const [session, setSession] = createSignal<Session | undefined>(kept(), {
    equals: (one, other) => one?.wallet === other?.wallet,
  });
  // Another tab signed out, or in with another wallet; or this page was kept while it was left.
  const look = () => setSession(kept());
  window.addEventListener('storage', look);
  window.addEventListener('pageshow', look);
  onCleanup(() => {
    window.removeEventListener('storage', look);
    window.removeEventListener('pageshow', look);
  });
  return {
    session,
    open: (opened: Session) => {
      try {
        localStorage.setItem(KEY, JSON.stringify(opened));
      } catch {
        // Then it lasts as long as the page.
      }
      setSession(opened);
    },
    /** Forgets whose it was. The server ends it elsewhere. */
    forget: () => {
      try {
        localStorage.removeItem(KEY);
      } catch {
        // Nothing was kept.
      }
      setSession(undefined);
    },
  };
}
