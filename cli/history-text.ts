import { bytesText, durationText, timeText } from '../core/readable.ts';
import type { HistoryView, SignalView } from '../core/rollups/history-view.ts';
import { fields } from './output.ts';
import { sparkline } from './sparkline.ts';

/** Columns of a plot; each is some buckets, or a bucket is some of them. */
const plotColumns = { hour: 60, day: 48, month: 60 } as const;
const nameColumns = 34;
const figureColumns = 11;
const skewToTellMs = 60_000;

/** How the past of a gateway looks in a terminal; `blocks`: the heights it can show. */
export function historyText(history: HistoryView, { now, blocks }: { now: number; blocks: string }): string {
  const { gatewayId, span, from, to, bucketMs, signals, clockSkewMs = 0 } = history;
  const columns = plotColumns[span];
  const head = fields({
    gateway: gatewayId,
    span: `${span}, ${minuteText(from)} to ${minuteText(to)}; ${columnText(columns, to - from, bucketMs)}`,
    'as of': asOf(history, now),
    clock:
      Math.abs(clockSkewMs) >= skewToTellMs
        ? `${durationText(clockSkewMs)} ${clockSkewMs > 0 ? 'ahead' : 'behind'}; times are the gateway’s`
        : undefined,
  });
  if (signals.length === 0) return `${head}\n\nNothing is known of this time.`;
  const plots = signals.map(
    (signal) =>
      `${lineOf(signal.name, figuresOf(signal, history.counts))}\n${plotOf(signal, history.counts, { columns, blocks })}`,
  );
  const lines = [lineOf('SIGNAL', ['MIN', 'MEAN', 'MAX', 'LAST']), ...plots, axisOf(history, columns)];
  return `${head}\n\n${lines.join('\n')}`;
}

const minuteText = (at: number): string => `${timeText(at).slice(0, 16)}Z`;

/** When the first column begins and the last one ends, below them. */
function axisOf({ from, to }: HistoryView, columns: number): string {
  const end = minuteText(to);
  return minuteText(from).padEnd(columns - end.length) + end;
}

const lineOf = (name: string, figures: readonly string[]): string =>
  name.padEnd(nameColumns) + figures.map((figure) => figure.padStart(figureColumns)).join('');

function plotOf(
  { buckets, unit }: SignalView,
  counts: readonly number[],
  { columns, blocks }: { columns: number; blocks: string },
): string {
  const most = unit === 'share' ? 1 : undefined;
  return sparkline(weighedMeans(buckets, counts, columns), blocks, most).trimEnd() || '(nothing)';
}

function columnText(columns: number, spanMs: number, bucketMs: number): string {
  const columnMs = spanMs / columns;
  return columnMs >= bucketMs
    ? `a column is ${durationText(columnMs)}`
    : `a value is ${durationText(bucketMs)}`;
}

/** How old it is, by the gateway's own clock. */
function asOf({ newestAt, connection, lastSeenAt, clockSkewMs = 0 }: HistoryView, now: number): string {
  const ago = (at: number) => `${durationText(Math.max(0, now - at))} ago`;
  const newest = newestAt === undefined ? 'no data' : `${timeText(newestAt)}, ${ago(newestAt - clockSkewMs)}`;
  const seen = lastSeenAt === undefined ? 'never seen' : `last seen ${ago(lastSeenAt)}`;
  return connection === 'connected' ? newest : `${newest}; disconnected, ${seen}`;
}

/** Means of what falls into each column. */
function weighedMeans(
  buckets: SignalView['buckets'],
  counts: readonly number[],
  columns: number,
): (number | undefined)[] {
  const perColumn = buckets.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const first = Math.floor(column * perColumn);
    const last = Math.max(first + 1, Math.floor((column + 1) * perColumn));
    let [sum, count] = [0, 0];
    for (let i = first; i < last; i++) {
      const mean = buckets[i]?.[1];
      if (mean === undefined) continue;
      sum += mean * counts[i]!;
      count += counts[i]!;
    }
    return count === 0 ? undefined : sum / count;
  });
}

/** Least, mean, greatest and newest value. */
function figuresOf({ unit, buckets, last }: SignalView, counts: readonly number[]): string[] {
  const known = buckets.filter((bucket) => bucket !== null);
  const [mean] = weighedMeans(buckets, counts, 1);
  const min = known.length > 0 ? Math.min(...known.map(([least]) => least)) : undefined;
  const max = known.length > 0 ? Math.max(...known.map(([, , most]) => most)) : undefined;
  return [min, mean, max, last].map((value) => (value === undefined ? '-' : valueText(value, unit)));
}

function valueText(value: number, unit: SignalView['unit']): string {
  switch (unit) {
    case 'share':
      return `${digits(value * 100)} %`;
    case 'ms':
      return value >= 10_000 ? durationText(value) : `${digits(value)} ms`;
    case 'bytes/s':
      return `${bytesText(value).replace(/^(\d{2,})\.\d/, '$1')}/s`;
  }
}

const digits = (value: number): string =>
  value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
