/** The answer to a request, a skeleton of its size before it comes, or the reason why there is none. */

import { Show, type Accessor, type JSX } from 'solid-js';

import type { Polled } from '../lib/poll';
import { Failure, Skeleton } from './states';

export function Known<T>(props: {
  of: Polled<T>;
  /** The height of what comes, in CSS. */
  height: string;
  /** Whether the skeleton stands on a sheet, as what comes does. */
  sheet?: boolean;
  /** Words of the page for refusals, by the code. */
  words: Record<string, [string, string, string]>;
  children: (found: Accessor<NonNullable<T>>) => JSX.Element;
}) {
  const skeleton = () => <Skeleton height={props.height} />;
  const waiting = () => (
    <Show when={props.sheet} fallback={skeleton()}>
      <div class="sheet card">{skeleton()}</div>
    </Show>
  );
  return (
    <Show
      when={props.of.data()}
      fallback={
        <Show when={props.of.error()} fallback={waiting()}>
          {(error) => <Failure error={error()} words={props.words} again={props.of.again} />}
        </Show>
      }
    >
      {(found) => props.children(found)}
    </Show>
  );
}
