/**
 * The session of this browser. The cookie that proves it is out of reach of scripts; what is kept here
 * only says whose it is, so that strangers are not asked and other tabs notice a change.
 */

import { createSignal, onCleanup } from 'solid-js';

import { api, done, Refusal } from '../api/client';

export type Session = { readonly wallet: string; readonly walletName: string };

const KEY = 'vouch:session';
/** Set while the server has to be told that a session is over. */
const ENDING = 'vouch:ending';

function kept(): Session | undefined {
  try {
    const found = JSON.parse(stored(KEY) ?? 'null') as Partial<Session> | null;
    const { wallet, walletName } = found ?? {};
    if (typeof wallet === 'string' && typeof walletName === 'string') return { wallet, walletName };
  } catch {
    // It can hold anything.
  }
  return undefined;
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // Storage can be switched off.
    return null;
  }
}

/** Without storage, all of it lasts as long as the page. */
function store(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Nothing is kept, and nothing was.
  }
}

async function endAtServer(): Promise<void> {
  try {
    await done(api.DELETE('/v1/auth/sessions/current'));
  } catch (error) {
    // Without an answer, the next visit says it again.
    const isOver = error instanceof Refusal && error.code === 'unauthenticated';
    if (!isOver) return;
  }
  store(ENDING, undefined);
}

/** The session, for as long as the page is shown. */
export function createSession() {
  const [session, setSession] = createSignal<Session | undefined>(kept(), {
    equals: (one, other) => one?.wallet === other?.wallet,
  });
  // Another tab signed out, or in with another wallet; or this page was kept while it was left.
  const look = () => setSession(kept());
  window.addEventListener('storage', look);
  if (!session() && stored(ENDING)) void endAtServer();
  window.addEventListener('pageshow', look);
  onCleanup(() => {
    window.removeEventListener('storage', look);
    window.removeEventListener('pageshow', look);
  });
  return {
    session,
    open: (opened: Session) => {
      store(KEY, JSON.stringify(opened));
      // Its cookie has replaced the one of the session before.
      store(ENDING, undefined);
      setSession(opened);
    },
    /** Forgets a session that the server does not know any more. */
    forget: () => {
      store(KEY, undefined);
      setSession(undefined);
    },
    /** Forgets it at once, and ends it at the server as soon as that can be reached. */
    end: () => {
      store(KEY, undefined);
      store(ENDING, 'yes');
      setSession(undefined);
      void endAtServer();
    },
  };
}
