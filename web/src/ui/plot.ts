/** Bars on a canvas, by uPlot. The page around it has the words; nothing here is read aloud. */

import uPlot from 'uplot';

import { labelEvery } from '../lib/analytics';

export type Colour = 'paid' | 'wait' | 'accent';

export type Drawing = {
  /** One list for each series, from the lowest to the highest of a stack. */
  readonly values: readonly (readonly number[])[];
  readonly colours: readonly Colour[];
  readonly labels: readonly string[];
  /** Whether only whole numbers are on the axis. */
  readonly whole: boolean;
  readonly tick: (value: number) => string;
  /** Whether the last column is not over; it is drawn lighter. */
  readonly unfinished: boolean;
};

export type Plot = {
  show: (drawing: Drawing) => void;
  /** Points at a column, or at none. */
  point: (column: number | undefined) => void;
  end: () => void;
};

/** Pixels that a label beneath the columns needs. */
const LABEL = 76;
/** Pixels of a character on the axis, and around it. */
const [CHARACTER, AROUND] = [7, 14];
/** The part of a column that its bar fills, and the most pixels of it. */
const [FILL, WIDEST] = [0.66, 44];
const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power));

/** Draws into `element`. `told` is called with the column that somebody points at. */
export function plot(
  element: HTMLElement,
  height: number,
  drawing: Drawing,
  told: (column: number | undefined) => void,
): Plot {
  let current = drawing;
  /** The colour of the tokens, as the scheme has it now. */
  const colour = (name: string) => getComputedStyle(element.querySelector(`.probe.${name}`)!).color;
  const font = () => {
    const { fontFamily } = getComputedStyle(element);
    return `12px ${fontFamily}`;
  };
  /** Waiting amounts are hatched, so that no colour alone tells it from what is paid. */
  const fill = (name: Colour): string | CanvasPattern => {
    if (name !== 'wait') return colour(name);
    const size = 8 * devicePixelRatio;
    const tile = document.createElement('canvas');
    tile.width = tile.height = size;
    const brush = tile.getContext('2d')!;
    brush.strokeStyle = colour(name);
    brush.lineWidth = size / 3.2;
    for (const shift of [-1, 0, 1]) {
      brush.moveTo(shift * size - 1, size + 1);
      brush.lineTo((shift + 1) * size + 1, -1);
    }
    brush.stroke();
    return brush.createPattern(tile, 'repeat')!;
  };
  /** uPlot draws the later series over the earlier ones, so the whole stack comes first. */
  const stacked = ({ values, labels }: Drawing): uPlot.AlignedData => {
    const sums = values.map((_, top) =>
      labels.map((_, column) =>
        values.slice(0, top + 1).reduce((sum, of) => sum + (of[column] ?? 0), 0),
      ),
    );
    return [labels.map((_, column) => column), ...sums.reverse()];
  };
  const bars = uPlot.paths.bars!({ size: [FILL, WIDEST], radius: 0.12 });
  /** Stands behind the column that somebody points at. */
  const mark = document.createElement('i');
  mark.className = 'mark';
  mark.hidden = true;
  /** Covers the last column with a veil while it is not over. */
  const veil = document.createElement('i');
  veil.className = 'veil';
  const width = () => Math.max(element.clientWidth, 1);
  const options: uPlot.Options = {
    width: width(),
    height,
    legend: { show: false },
    cursor: {
      x: false,
      y: false,
      drag: { x: false, y: false, setScale: false },
      points: { show: false },
    },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    // Half of the last label stands to the right of its column.
    padding: [8, 24, 0, 0],
    scales: {
      x: { time: false, range: () => [-0.5, current.labels.length - 0.5] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.06 : 1] },
    },
    axes: [
      {
        stroke: () => colour('ink-3'),
        font: font(),
        size: 26,
        gap: 6,
        grid: { show: false },
        ticks: { show: false },
        splits: (self) => {
          const count = current.labels.length;
          const every = labelEvery(count, self.width, LABEL);
          // The last column always has its label: it is the newest.
          return current.labels
            .map((_, column) => column)
            .filter((it) => (count - 1 - it) % every === 0);
        },
        values: (_, splits) => splits.map((column) => current.labels[column] ?? ''),
      },
      {
        stroke: () => colour('ink-3'),
        font: font(),
        space: 36,
        size: (_, values) =>
          Math.max(...(values ?? ['0']).map((text) => text.length)) * CHARACTER + AROUND,
        gap: 6,
        grid: { stroke: () => colour('line'), width: 1 },
        ticks: { show: false },
        ...(drawing.whole && { incrs: WHOLE.flat() }),
        values: (_, splits) => splits.map((value) => current.tick(value)),
      },
    ],
    series: [
      {},
      ...[...drawing.colours].reverse().map((name) => ({
        paths: bars,
        width: 0,
        points: { show: false },
        fill: () => fill(name),
      })),
    ],
    hooks: {
      draw: [
        (self) => {
          const column = current.labels.length - 1;
          veil.hidden = !current.unfinished || column < 0;
          const [left, right] = [column - 0.5, column + 0.5].map((at) => self.valToPos(at, 'x'));
          veil.style.left = `${left}px`;
          veil.style.width = `${right! - left!}px`;
          // uPlot draws once before its constructor returns.
          if (!veil.isConnected) self.over.append(veil);
        },
      ],
      setCursor: [
        (self) => {
          const column = self.cursor.idx ?? undefined;
          mark.hidden = column === undefined;
          if (column !== undefined) {
            const [left, right] = [column - 0.5, column + 0.5].map((at) => self.valToPos(at, 'x'));
            mark.style.left = `${left}px`;
            mark.style.width = `${right! - left!}px`;
          }
          told(column);
        },
      ],
    },
  };
  const self = new uPlot(options, stacked(drawing), element);
  self.under.append(mark);
  const sized = new ResizeObserver(() => {
    if (width() !== self.width) self.setSize({ width: width(), height });
  });
  sized.observe(element);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => self.redraw(false, true);
  scheme.addEventListener('change', redraw);
  return {
    show: (drawing) => {
      current = drawing;
      self.setData(stacked(drawing));
    },
    point: (column) => {
      const left = column === undefined ? -10 : self.valToPos(column, 'x');
      self.setCursor({ left, top: column === undefined ? -10 : 1 });
    },
    end: () => {
      sized.disconnect();
      scheme.removeEventListener('change', redraw);
      self.destroy();
    },
  };
}
