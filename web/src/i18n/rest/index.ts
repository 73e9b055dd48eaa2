/** Words for refusals that no page expects, loaded when one comes. */

import { createSignal } from 'solid-js';

import { locale } from '..';
import type { RestMessages } from './en';

const LANGUAGES: Record<string, () => Promise<RestMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

const [known, setKnown] = createSignal<Record<string, RestMessages>>({});

/** The words for this code; `undefined` for one that there is not, and until they are loaded. */
export function rest(code: string): [string, string, string] | undefined {
  const language = locale();
  const found = known()[language];
  if (!found) {
    // Without them, the words for anything unexpected stay.
    void LANGUAGES[language]?.().then(
      (loaded) => setKnown((before) => ({ ...before, [language]: loaded })),
      () => {},
    );
  }
  return found?.errors[code];
}
