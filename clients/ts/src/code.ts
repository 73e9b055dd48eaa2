declare const brand: unique symbol;

/** A referral code in upper case, as {@link parseCode} returns it. */
export type Code = string & { readonly [brand]: 'Code' };

/** Every character that a code may have: no `O`, `I` and `L`, which look like `0` and `1`. */
export const CODE_ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';
/** Fewest characters of a code. */
export const CODE_MIN_LENGTH = 6;
/** Most characters of a code. */
export const CODE_MAX_LENGTH = 12;

const PATTERN = new RegExp(`^[${CODE_ALPHABET}]{${CODE_MIN_LENGTH},${CODE_MAX_LENGTH}}$`);

/** Parses a code in either case; `undefined` when it is invalid. */
export function parseCode(text: string): Code | undefined {
  // Convert ASCII letters only, because other letters may have an ASCII upper case.
  const upper = text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  return PATTERN.test(upper) ? (upper as Code) : undefined;
}
