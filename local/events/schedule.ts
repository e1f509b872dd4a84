import { Cron } from 'croner';
import { HoldfastError } from '../../core/errors.ts';
import { templateError } from '../template/template-error.ts';

export interface ScheduleHandle {
  stop(): void;
}

const unitMs: Record<string, number> = { minute: 60_000, hour: 3600_000, day: 86_400_000 };

/** `rate(5 minutes)` → milliseconds; undefined when it is not a rate. */
export function rateMs(expression: string): number | undefined {
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  return count === undefined ? undefined : Number(count) * (unitMs[unit] ?? 0);
}

/** EventBridge's `cron(min hour day month weekday year)`, in UTC, for croner. Throws CONFIG when it is none. */
export function parseCron(expression: string, where: string): Cron {
  const [, fields = ''] = /^cron\((.+)\)$/.exec(expression) ?? [];
  const [minute, hour, day, month, weekday, year, ...more] = fields.split(/\s+/);
  if (!year || more.length > 0 || (day !== '?' && weekday !== '?'))
    throw templateError(`${where}: ${expression} is neither rate(…) nor cron(… six fields, one of them ?)`);
  const pattern = `0 ${minute} ${hour} ${day} ${month} ${weekday} ${year}`;
  try {
    return new Cron(pattern, {
      paused: true,
      timezone: 'Etc/UTC',
      alternativeWeekdays: true,
      domAndDow: true,
      sloppyRanges: true,
    });
  } catch (cause) {
    throw new HoldfastError('CONFIG', `${where}: ${expression}: ${(cause as Error).message}`, {
      hint: 'correct it in lib/, and synthesize again',
      cause,
    });
  }
}

/**
 * Calls `fire` on every occurrence. `scale` speeds up: a rate comes `scale` times as often; of a cron expression the
 * wait until the next occurrence is divided, so that what would take a day takes a day / scale.
 */
export function startSchedule(
  expression: string,
  scale: number,
  where: string,
  fire: (at: Date) => void,
): ScheduleHandle {
  const everyMs = rateMs(expression);
  if (everyMs !== undefined) {
    const timer = setInterval(() => fire(new Date()), everyMs / scale);
    return { stop: () => clearInterval(timer) };
  }
  const cron = parseCron(expression, where);
  let timer: NodeJS.Timeout | undefined;
  const plan = (from: Date): void => {
    const next = cron.nextRun(from);
    if (!next) return;
    waitLong(
      (next.getTime() - from.getTime()) / scale,
      (handle) => (timer = handle),
      () => {
        fire(next);
        plan(scale === 1 ? new Date() : next);
      },
    );
  };
  plan(new Date());
  return { stop: () => clearTimeout(timer) };
}

const timerMsMax = 2 ** 31 - 1;

/** setTimeout that also takes more than 24 days. */
function waitLong(ms: number, keep: (timer: NodeJS.Timeout) => void, then: () => void): void {
  const step = Math.min(ms, timerMsMax);
  keep(setTimeout(() => (ms > step ? waitLong(ms - step, keep, then) : then()), step));
}
