/** The parts of a long page, to go to. */

import { For } from 'solid-js';

import { focusOn } from '../lib/announce';

export function OnPage(props: {
  label: string;
  /** The element with this id is the heading with these words. */
  parts: readonly (readonly [id: string, words: string])[];
}) {
  return (
    <nav class="on-page" aria-label={props.label}>
      <For each={props.parts}>
        {([id, words]) => (
          <a
            href={`#${id}`}
            onClick={(event) => {
              // The address stays as it is: it has the filters, and going back leads to the page before.
              event.preventDefault();
              const heading = document.getElementById(id) ?? undefined;
              focusOn(heading);
              heading?.scrollIntoView();
            }}
          >
            {words}
          </a>
        )}
      </For>
    </nav>
  );
}
