/** Announcements for screen readers, beside the text that they read themselves. */

import { createSignal } from 'solid-js';

const [said, setSaid] = createSignal('');

/** The text of the page's live region, which `ui/frame.tsx` shows. */
export { said };

/** Says this once, after what is being read. */
export function announce(text: string): void {
  // The same text again is a change only if another one was there before.
  setSaid('');
  window.setTimeout(() => setSaid(text), 50);
}

/** Moves the focus to what has just been shown, such as the heading of the next step. */
export function focusOn(element: HTMLElement | undefined | null): void {
  if (!element) return;
  if (!element.hasAttribute('tabindex')) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
