/** The messages of the leaderboard, and of groups on `/me`. */

import { createSignal } from 'solid-js';

import type { BoardMessages } from './en';

const LANGUAGES: Record<string, () => Promise<BoardMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useBoard} has loaded a language. */
const [messages, setMessages] = createSignal({} as BoardMessages);

export { messages as b };

/** Switches to a language. */
export async function useBoard(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
