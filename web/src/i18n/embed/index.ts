/** The messages of `/embed`, which no other page loads. */

import { createSignal } from 'solid-js';

import type { EmbedMessages } from './en';

const LANGUAGES: Record<string, () => Promise<EmbedMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useEmbed} has loaded a language. */
const [messages, setMessages] = createSignal({} as EmbedMessages);

export { messages as e };

/** Switches to a language. */
export async function useEmbed(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
