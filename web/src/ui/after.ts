/** The choices after a refusal. */

import { r } from '../i18n/run';

/** Refusals after which something that was signed may have arrived, or may still. */
const UNCLEAR = ['expired', 'wallet_failed', 'wallet_unclear', 'sent_otherwise', 'unexpected'];
/** Those whose words say that it is safe to sign again. */
const SAFE = ['expired', 'wallet_failed', 'unexpected'];

/** The words for a refusal, and whether one button may begin anew. */
export function afterRefusal(
  code: string,
  { adds, sent }: { adds: boolean; sent: boolean },
): { words: Record<string, [string, string, string]>; again: boolean } {
  const isUnclear = adds && sent && UNCLEAR.includes(code);
  const words = r().errors;
  if (isUnclear && SAFE.includes(code)) {
    return { words: { ...words, [code]: words['unclear']! }, again: false };
  }
  // The form has to be looked at first.
  return { words, again: !isUnclear && code !== 'settings_moved' };
}
