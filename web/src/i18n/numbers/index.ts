/** The messages of charts and figures over time, which only `/me` and `/console` load. */

import { createSignal } from 'solid-js';

import type { NumbersMessages } from './en';

const LANGUAGES: Record<string, () => Promise<NumbersMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** No figure is shown before {@link useNumbers} has loaded a language. */
const [messages, setMessages] = createSignal({} as NumbersMessages);

export { messages as n };

/** Switches to a language. */
export async function useNumbers(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
