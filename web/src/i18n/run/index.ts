/** The messages of everything that is signed on the console and on `/me`, which no other page loads. */

import { createSignal } from 'solid-js';

import type { RunMessages } from './en';

const LANGUAGES: Record<string, () => Promise<RunMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useRun} has loaded a language. */
const [messages, setMessages] = createSignal({} as RunMessages);

export { messages as r };

/** Switches to a language. */
export async function useRun(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
