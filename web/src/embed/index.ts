/** The elements for other sites. docs/embed.md is their reference. */

import { CodeField } from './field';
import { Panel } from './panel';

/** Nothing is defined twice where a page loads the script by two URLs. */
for (const [name, element] of [
  ['vouch-code-field', CodeField],
  ['vouch-panel', Panel],
] as const) {
  if (!customElements.get(name)) customElements.define(name, element);
}
