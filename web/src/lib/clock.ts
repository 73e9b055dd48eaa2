/** The time, for texts that say how long ago something was. */

import { createSignal } from 'solid-js';

const [now, setNow] = createSignal(Date.now());
const tick = () => {
  if (!document.hidden) setNow(Date.now());
};
window.setInterval(tick, 1000);
document.addEventListener('visibilitychange', tick);

/** Milliseconds; changes every second while the page is visible. */
export { now };
