/** Messages in the reader's language. Another language is another file like `de.ts`. */

import { batch, createSignal } from 'solid-js';

import type { Messages } from './en';

const LANGUAGES: Record<string, () => Promise<Messages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** Each language in its own words. */
export const NAMES: Record<string, string> = { en: 'English', de: 'Deutsch' };

const KEY = 'vouch:language';
/** No page is shown before {@link use} has loaded a language. */
const [messages, setMessages] = createSignal({} as Messages);
const [locale, setLocale] = createSignal('en');

/** The messages of the language in use. */
export { messages as t, locale };

/** Switches to a language, and keeps it for the next visit if the reader chose it. */
export async function use(language: string, chosen: boolean): Promise<void> {
  const load = LANGUAGES[language] ?? LANGUAGES.en!;
  const loaded = await load();
  // One round over the page, not one for the words and one for the figures.
  batch(() => {
    setMessages(() => loaded);
    setLocale(language in LANGUAGES ? language : 'en');
  });
  document.documentElement.lang = locale();
  if (chosen) {
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Then it lasts until the page is left.
    }
  }
}

/** The language that the reader chose before, or the first that the browser names and we have. */
export function preferred(): string {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept && kept in LANGUAGES) return kept;
  } catch {
    // Ask the browser.
  }
  const named = navigator.languages.map((name) => name.split('-')[0]!.toLowerCase());
  return named.find((name) => name in LANGUAGES) ?? 'en';
}
