/** The messages of `/me`, which no other page loads. */

import { createSignal } from 'solid-js';

import type { MeMessages } from './en';

const LANGUAGES: Record<string, () => Promise<MeMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useMe} has loaded a language. */
const [messages, setMessages] = createSignal({} as MeMessages);

export { messages as m };

/** Switches to a language. */
export async function useMe(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
