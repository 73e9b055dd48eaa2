/** Codes that are close to what somebody typed. Whether they are free, the API says. */

import { CODE_ALPHABET, CODE_MAX_LENGTH, CODE_MIN_LENGTH } from '@vouch/client/code.js';

/** Letters that a code has in place of those that look like others. */
const INSTEAD: Record<string, string> = { O: 'Q', 0: 'Q', I: 'J', 1: 'J', L: 'K' };
const DIGITS = '23456789';
/** How many candidates there are. */
const CANDIDATES = 8;

/**
 * Candidates, the closest first. Accents are dropped, letters that no code has are replaced or left
 * out, and digits complete what is too short or taken. `random` is from 0 to 1.
 */
export function suggest(text: string, random: () => number = Math.random): string[] {
  const plain = text.toUpperCase().normalize('NFKD');
  const allowed = (letter: string) => CODE_ALPHABET.includes(letter);
  const replaced = [...plain].map((letter) => INSTEAD[letter] ?? letter).filter(allowed);
  const stem = replaced.join('').slice(0, CODE_MAX_LENGTH);
  const found = new Set<string>();
  if (stem.length >= CODE_MIN_LENGTH && stem !== text) found.add(stem);
  for (let tries = 0; found.size < CANDIDATES && tries < 4 * CANDIDATES; tries += 1) {
    const missing = Math.max(2, CODE_MIN_LENGTH - stem.length);
    const digits = Array.from({ length: missing }, () => DIGITS[Math.floor(random() * 8)]);
    const candidate = stem.slice(0, CODE_MAX_LENGTH - missing) + digits.join('');
    if (candidate !== text) found.add(candidate);
  }
  return [...found];
}
