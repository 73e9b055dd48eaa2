/** Checks a code while somebody types it. */

import { createEffect, createMemo, createSignal, on, onCleanup, type Accessor } from 'solid-js';

import { CODE_ALPHABET, CODE_MAX_LENGTH, CODE_MIN_LENGTH } from '@vouch/client/code.js';

import { answer, api } from '../../api/client';
import { m } from '../../i18n/me';
import { suggest } from './suggest';

export const MAX = CODE_MAX_LENGTH;
/** Milliseconds after the last letter before the API is asked. */
const PAUSE = 250;
/** How many codes are proposed. */
const PROPOSED = 3;

/** The typed text in the form of a code: spaces and hyphens are not typed on purpose. */
export function normal(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, '');
}

/** The first letter that no code has, and its place, counted from 1. */
export function wrongLetter(code: string): { letter: string; place: number } | undefined {
  const letters = [...code];
  const at = letters.findIndex((letter) => !CODE_ALPHABET.includes(letter));
  return at < 0 ? undefined : { letter: letters[at]!, place: at + 1 };
}

type Found = 'checking' | 'free' | 'free_here' | 'taken' | 'unknown';

export function createCheck(typed: Accessor<string>, campaign: Accessor<string | undefined>) {
  const code = createMemo(() => normal(typed()));
  const [found, setFound] = createSignal<Found>();
  const [suggestions, setSuggestions] = createSignal<string[]>([]);

  const isUsed = async (code: string, signal: AbortSignal, within?: string): Promise<boolean> => {
    const params = { path: { code }, query: within ? { campaign: within } : {} };
    const { reason } = await answer(api.GET('/v1/codes/{code}/validate', { params, signal }));
    return reason !== 'not_found';
  };
  const lookUp = async (code: string, campaign: string, signal: AbortSignal): Promise<Found> => {
    if (await isUsed(code, signal, campaign)) return 'taken';
    return (await isUsed(code, signal)) ? 'free_here' : 'free';
  };
  const propose = async (code: string, signal: AbortSignal) => {
    const free: string[] = [];
    for (const candidate of suggest(code)) {
      if (!(await isUsed(candidate, signal))) free.push(candidate);
      if (free.length === PROPOSED) break;
    }
    if (!signal.aborted) setSuggestions(free);
  };

  const length = () => [...code()].length;
  const isComplete = () => length() >= CODE_MIN_LENGTH && length() <= MAX && !wrongLetter(code());

  createEffect(
    on([code, campaign], ([code, campaign]) => {
      setFound(undefined);
      setSuggestions([]);
      if (code === '' || !campaign) return;
      const stop = new AbortController();
      if (isComplete()) setFound('checking');
      const timer = window.setTimeout(async () => {
        try {
          const answered = isComplete() ? await lookUp(code, campaign, stop.signal) : undefined;
          if (stop.signal.aborted) return;
          setFound(answered);
          const isBad = wrongLetter(code) !== undefined || [...code].length > MAX;
          if (isBad || answered === 'taken' || answered === 'free_here') {
            await propose(code, stop.signal);
          }
        } catch {
          if (!stop.signal.aborted) setFound('unknown');
        }
      }, PAUSE);
      onCleanup(() => {
        window.clearTimeout(timer);
        stop.abort();
      });
    }),
  );

  const words = () => {
    const wrong = wrongLetter(code());
    if (code() === '') return '';
    if (wrong) return m().create.letter(wrong.letter, wrong.place);
    if (length() > MAX) return m().create.long;
    if (length() < CODE_MIN_LENGTH) return m().create.short(CODE_MIN_LENGTH - length());
    switch (found()) {
      case 'free':
        return m().create.free;
      case 'free_here':
        return m().create.freeHere;
      case 'taken':
        return m().create.taken;
      case 'unknown':
        return m().create.unknown;
      default:
        return m().create.checking;
    }
  };
  return {
    words,
    suggestions,
    isFree: () => found() === 'free' || found() === 'free_here',
    isWrong: () => wrongLetter(code()) !== undefined || length() > MAX || found() === 'taken',
    /** Whether it can be asked for: nothing typed gets a code of the API's. */
    mayGo: () => code() === '' || (isComplete() && found() !== 'taken'),
  };
}
