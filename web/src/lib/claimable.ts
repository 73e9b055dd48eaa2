/** The first part of a long list that can be paid now. */

import { Refusal } from '../api/client';

/** Most questions in one go; each looks at up to 128 conversions. */
export const QUESTIONS = 8;

/**
 * The first answer of `ask`, which begins at `from`. A page of which nothing can be paid now is refused, and its
 * refusal names where the next page begins. `reached` is told each time where to go on after a failure; `undefined`
 * stands for the beginning of the list.
 *
 * At the end of the list, it throws the first refusal that had a reason other than `nothing_to_claim`. It throws
 * `too_many_waiting` after {@link QUESTIONS} pages, and any other failure as it is.
 */
export async function firstClaimable<T>(
  ask: (cursor: string | undefined) => Promise<T>,
  from: string | undefined,
  reached: (cursor: string | undefined) => void,
): Promise<T> {
  let cursor = from;
  let reason: Refusal | undefined;
  for (let asked = 0; asked < QUESTIONS; asked += 1) {
    try {
      return await ask(cursor);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { next } = error.detail;
      const isEmpty = error.code === 'nothing_to_claim';
      if (!next || next === cursor) {
        // Only a conflict is an answer about the list.
        if (error.detail.status !== 409) throw error;
        reached(undefined);
        throw reason ?? error;
      }
      if (!isEmpty) reason ??= error;
      cursor = next;
      reached(cursor);
    }
  }
  throw new Refusal('too_many_waiting', undefined);
}
