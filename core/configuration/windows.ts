import type { BandwidthWindow, Configuration } from './configuration.ts';

/**
 * Windows of the week by the clock on a wall: `mon–fri 08:00–18:00` stays that when the clocks change. A window that
 * ends before it begins goes on into the next day, and is one of the day on which it began.
 */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

export interface TimeWindow {
  readonly days: readonly Weekday[];
  /** `HH:MM`; `24:00` may be an end. */
  readonly from: string;
  readonly to: string;
}

export const defaultTimeZone = 'UTC';
const dayMinutes = 24 * 60;

/** An IANA name that this process has rules for. Offsets (`+02:00`) know no summer time and are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+){0,2}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** What restores' backgrounds may take at this time, bytes a second; undefined: no window holds. */
export const bandwidthAt = (
  { restoreBandwidth = [], timeZone }: Configuration,
  unixMs: number,
): number | undefined => holding<BandwidthWindow>(restoreBandwidth, timeZone, unixMs)?.bytesPerSec;

/** Whether work on the gateway is expected at this time. */
export const isMaintenance = ({ maintenance = [], timeZone }: Configuration, unixMs: number): boolean =>
  isWithin(maintenance, timeZone, unixMs);

/** Whether one of the windows holds at this time. */
export const isWithin = (
  windows: readonly TimeWindow[],
  timeZone: string | undefined,
  unixMs: number,
): boolean => holding(windows, timeZone, unixMs) !== undefined;

/** The first window that holds at this time. */
function holding<W extends TimeWindow>(
  windows: readonly W[],
  timeZone: string = defaultTimeZone,
  unixMs: number,
): W | undefined {
  if (windows.length === 0) return undefined;
  const now = wallClock(timeZone, unixMs);
  return windows.find((window) => holds(window, now));
}

function holds({ days, from, to }: TimeWindow, { day, minute }: WallClock): boolean {
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  const isOf = (index: number) => days.some((name) => weekdays.indexOf(name) === index);
  if (begin < end) return isOf(day) && minute >= begin && minute < end;
  return (isOf(day) && minute >= begin) || (isOf((day + 6) % 7) && minute < end);
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

interface WallClock {
  /** 0: Monday. */
  day: number;
  /** Since midnight. */
  minute: number;
}

function wallClock(timeZone: string, unixMs: number): WallClock {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(unixMs);
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? '';
  const day = weekdays.indexOf(part('weekday').toLowerCase() as Weekday);
  return { day, minute: minutesOf(`${part('hour')}:${part('minute')}`) % dayMinutes };
}
