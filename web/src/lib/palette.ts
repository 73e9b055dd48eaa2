/** Opens the command bar, which is loaded then and not before. Pages that have it import this file. */

/** Opens it, unless it is open. */
export async function find(): Promise<void> {
  const { openFinder } = await import('../ui/find');
  await openFinder();
}

document.addEventListener('keydown', (event) => {
  const isChord = (event.ctrlKey || event.metaKey) && !event.altKey && event.key === 'k';
  // No single character: speech input and unsteady hands would open it unasked (WCAG 2.1.4).
  if (!isChord) return;
  event.preventDefault();
  // Above another dialog it would hide what is being signed.
  if (!document.querySelector('dialog[open]')) void find();
});
