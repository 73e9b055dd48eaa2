/** Opens the command bar, which is loaded then and not before. Pages that have it import this file. */

/** Opens it, unless it is open. */
export async function find(): Promise<void> {
  const { openFinder } = await import('../ui/find');
  await openFinder();
}

/** Where a slash is a slash. */
const TYPING = 'input, textarea, select, [contenteditable], dialog';

document.addEventListener('keydown', (event) => {
  const isChord = (event.ctrlKey || event.metaKey) && !event.altKey && event.key === 'k';
  const isTyping = event.target instanceof Element && event.target.closest(TYPING) !== null;
  const isSlash = event.key === '/' && !event.ctrlKey && !event.metaKey && !isTyping;
  if (!isChord && !isSlash) return;
  event.preventDefault();
  // Above another dialog it would hide what is being signed.
  if (!document.querySelector('dialog[open]')) void find();
});
