/** The messages of the command bar, which are loaded when it is opened. */

import { createSignal } from 'solid-js';

import type { FindMessages } from './en';

const LANGUAGES: Record<string, () => Promise<FindMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The bar is not shown before {@link useFind} has loaded a language. */
const [messages, setMessages] = createSignal({} as FindMessages);

export { messages as f };

/** Switches to a language. */
export async function useFind(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
