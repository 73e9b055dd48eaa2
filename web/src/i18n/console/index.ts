/** The messages of `/console`, which no other page loads. */

import { createSignal } from 'solid-js';

import { m } from '../me';
import type { ConsoleMessages } from './en';

const LANGUAGES: Record<string, () => Promise<ConsoleMessages>> = {
  en: async () => (await import('./en')).en,
  de: async () => (await import('./de')).de,
};

/** The page is not shown before {@link useConsole} has loaded a language. */
const [messages, setMessages] = createSignal({} as ConsoleMessages);

export { messages as c };

/** Words of refusals: those of the console, and those of the sign-in. */
export const words = () => ({ ...m().errors, ...messages().errors });

/** Switches to a language. */
export async function useConsole(language: string): Promise<void> {
  const loaded = await (LANGUAGES[language] ?? LANGUAGES['en']!)();
  setMessages(() => loaded);
}
