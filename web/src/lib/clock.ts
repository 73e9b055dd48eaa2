/** The time, for texts that say how long ago something was. */

import { createSignal } from 'solid-js';

const [now, setNow] = createSignal(Date.now());
window.setInterval(() => setNow(Date.now()), 1000);

/** Milliseconds; changes every second. */
export { now };
