import { createMemo, For, Show, type Accessor, type JSX } from 'solid-js';

/** Rows that keep their elements while their contents change or they move. `by` tells them apart. */
export function Keyed<T>(props: {
  each: readonly T[] | undefined;
  by: (row: T) => string;
  children: (row: Accessor<T>) => JSX.Element;
}) {
  const rows = createMemo(() => new Map(props.each?.map((row) => [props.by(row), row])));
  return (
    <For each={[...rows().keys()]}>
      {(key) => <Show when={rows().get(key)}>{(row) => props.children(row)}</Show>}
    </For>
  );
}
