/** The button of the command bar, for those who have no keyboard or do not know its keys. */

import { r } from '../i18n/run';
import { find } from '../lib/palette';

export function FindButton() {
  return (
    <button
      type="button"
      class="button quiet"
      aria-keyshortcuts="Control+K Meta+K"
      onClick={() => void find()}
    >
      {r().act.find} <kbd aria-hidden="true">Ctrl K</kbd>
    </button>
  );
}
