/** The messages of orders, which only an invitation with one loads. */

import { createSignal } from 'solid-js';

import type { OrderMessages } from './en';

const LANGUAGES: Record<string, () => Promise<OrderMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useOrder} has loaded a language. */
const [messages, setMessages] = createSignal({} as OrderMessages);

export { messages as o };

/** Switches to a language. */
export async function useOrder(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
