/** A chart over time, with the same numbers as a table. */

import {
  createEffect,
  createMemo,
  createSignal,
  For,
  Index,
  on,
  onCleanup,
  onMount,
  Show,
} from 'solid-js';

import { numbers } from '../format/intl';
import { formatUnits } from '../format/money';
import { locale } from '../i18n';
import { n } from '../i18n/numbers';
import { Lit, Shape, type Kind } from './format';
import type { Colour, Drawing, Plot } from './plot';
import '../styles/chart.css';

export type Series = {
  readonly name: string;
  readonly colour: Colour;
  /** One for each column, in the smallest unit. */
  readonly values: readonly bigint[];
};

/** Pixels of a chart that is the subject of its section, and of one beside another. */
const [TALL, LOW] = [220, 132];
const KINDS: Record<Colour, Kind | undefined> = { paid: 'paid', wait: 'wait', accent: undefined };

export function Chart(props: {
  title: string;
  /** The days that all of it covers. */
  span: string;
  labels: readonly string[];
  series: readonly Series[];
  /** The name of the first column of the table: a day or a month. */
  column: string;
  /** Digits after the point of a unit; 0 for counts. */
  decimals: number;
  /** The number as text, with its symbol. */
  text: (value: bigint) => string;
  /** Said where everything is zero. */
  empty: string;
  /** Whether the last column ends with today, which is not over. */
  unfinished: boolean;
  low?: boolean;
}) {
  let element!: HTMLDivElement;
  const [pointed, setPointed] = createSignal<number>();
  const last = () => props.labels.length - 1;
  /** The column that is read; none stands for all of them. */
  const column = () => {
    const at = pointed();
    return at === undefined || at > last() ? undefined : at;
  };
  const shown = (of: Series) =>
    column() === undefined
      ? of.values.reduce((sum, value) => sum + value, 0n)
      : (of.values[column()!] ?? 0n);
  /** A column's day or month, in words. */
  const label = (at: number) =>
    props.unfinished && at === last() ? n().soFar(props.labels[at]!) : props.labels[at]!;
  const span = () => (column() === undefined ? props.span : label(column()!));
  const isEmpty = createMemo(() =>
    props.series.every(({ values }) => values.every((value) => value === 0n)),
  );
  const sentence = () =>
    `${span()}: ${props.series.map((of) => `${of.name} ${props.text(shown(of))}`).join(', ')}`;
  const drawing = (): Drawing => ({
    // A picture needs no more digits than it has pixels; the words beside it have all of them.
    values: props.series.map(({ values }) => values.map((units) => Number(units))),
    colours: props.series.map(({ colour }) => colour),
    labels: props.labels,
    whole: props.decimals === 0,
    unfinished: props.unfinished,
    tick: (units) =>
      numbers(locale(), {
        notation: 'compact',
        maximumSignificantDigits: 4,
      }).format(units / 10 ** props.decimals),
  });
  const move = (event: KeyboardEvent) => {
    const at = column() ?? (event.key === 'ArrowLeft' ? last() + 1 : -1);
    const steps: Record<string, number> = { Home: 0, End: last() };
    steps['ArrowLeft'] = steps['ArrowDown'] = Math.max(0, at - 1);
    steps['ArrowRight'] = steps['ArrowUp'] = Math.min(last(), at + 1);
    const next = event.key === 'Escape' ? undefined : steps[event.key];
    if (next === undefined && event.key !== 'Escape') return;
    event.preventDefault();
    setPointed(next);
    drawn()?.point(next);
  };
  const [drawn, setDrawn] = createSignal<Plot>();
  let ended = false;
  onMount(async () => {
    const { plot } = await import('./plot');
    if (ended) return;
    const made = plot(element, props.low ? LOW : TALL, drawing(), setPointed);
    element.classList.add('drawn');
    setDrawn(made);
  });
  // Also another language, whose numbers are written in another way.
  createEffect(
    on([() => drawing(), locale], ([drawing]) => drawn()?.show(drawing), { defer: true }),
  );
  onCleanup(() => {
    ended = true;
    drawn()?.end();
  });
  return (
    <figure class="chart" classList={{ low: props.low ?? false }}>
      <figcaption>
        <h3>{props.title}</h3>
        <p class="small">{span()}</p>
        <ul class="keys">
          <Index each={props.series}>
            {(of) => (
              <li>
                <span class={`key ${of().colour}`}>
                  <Show when={KINDS[of().colour]}>{(kind) => <Shape kind={kind()} />}</Show>
                  <Show when={props.series.length > 1}>{of().name}</Show>
                </span>
                <strong>
                  <Show when={column() === undefined} fallback={props.text(shown(of()))}>
                    <Lit value={props.text(shown(of()))} />
                  </Show>
                </strong>
              </li>
            )}
          </Index>
        </ul>
      </figcaption>
      <div class="frame">
        <div
          ref={element}
          class="plot"
          classList={{ none: isEmpty() }}
          role="slider"
          tabindex={isEmpty() ? -1 : 0}
          aria-label={n().read(props.title)}
          aria-orientation="horizontal"
          aria-valuemin={0}
          // All columns together stand behind the last one.
          aria-valuemax={last() + 1}
          aria-valuenow={column() ?? last() + 1}
          aria-valuetext={sentence()}
          aria-disabled={isEmpty()}
          onKeyDown={move}
          onBlur={() => {
            setPointed(undefined);
            drawn()?.point(undefined);
          }}
        >
          <For each={['paid', 'wait', 'accent', 'ink-3', 'line']}>
            {(name) => <i class={`probe ${name}`} />}
          </For>
        </div>
        {/* Nothing within a slider is read aloud. */}
        <Show when={isEmpty()}>
          <p class="nothing">{props.empty}</p>
        </Show>
      </div>
      <details class="numbers">
        <summary>
          {n().table}
          <span class="hidden"> {props.title}</span>
        </summary>
        <div class="scroll" role="group" tabindex="0" aria-label={props.title}>
          <table>
            <caption class="hidden">
              {props.title}, {props.span}
            </caption>
            <thead>
              <tr>
                <th scope="col">{props.column}</th>
                <Index each={props.series}>
                  {(of) => (
                    <th scope="col" class="right">
                      {of().name}
                    </th>
                  )}
                </Index>
              </tr>
            </thead>
            <tbody>
              <Index each={props.labels}>
                {(_, row) => (
                  <tr>
                    <th scope="row">{label(row)}</th>
                    <Index each={props.series}>
                      {(of) => <td class="right num">{props.text(of().values[row] ?? 0n)}</td>}
                    </Index>
                  </tr>
                )}
              </Index>
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">{n().sum}</th>
                <Index each={props.series}>
                  {(of) => (
                    <td class="right num">
                      {props.text(of().values.reduce((sum, value) => sum + value, 0n))}
                    </td>
                  )}
                </Index>
              </tr>
            </tfoot>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** A count as text. */
export function countText(value: bigint | number): string {
  return formatUnits(BigInt(value), 0, locale());
}
