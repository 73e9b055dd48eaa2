/** The messages of the page of a conversion, and of orders. */

import { createSignal } from 'solid-js';

import type { ConversionMessages } from './en';

const LANGUAGES: Record<string, () => Promise<ConversionMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useConversion} has loaded a language. */
const [messages, setMessages] = createSignal({} as ConversionMessages);

export { messages as v };

/** Switches to a language. */
export async function useConversion(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
