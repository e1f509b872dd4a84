import {
  configurationLimits,
  configurationSchema,
  type Configuration,
} from '../core/configuration/configuration.ts';
import { weekdays, type TimeWindow, type Weekday } from '../core/configuration/windows.ts';
import { HoldfastError } from '../core/errors.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { parseDurationMs } from './duration.ts';
import { namedValue, requireEachOnce } from './named-values.ts';
import { paragraph } from './output.ts';

/** One setting as it is typed after `--set`, and as it is shown. */
interface Setting {
  readonly key: keyof Configuration;
  readonly summary: string;
  readonly parse: (text: string) => unknown;
  readonly show: (configuration: Configuration) => string | undefined;
}

const { heartbeatIntervalMinMs: minMs, heartbeatIntervalMaxMs: maxMs } = configurationLimits;

/** Name on the command line → the setting. */
export const settings: Readonly<Record<string, Setting>> = {
  'heartbeat-interval': {
    key: 'heartbeatIntervalMs',
    summary: 'the longest time between two statuses: 1m to 9m',
    parse: (text) => parseDurationMs('--set heartbeat-interval', text, { minMs, maxMs }),
    show: ({ heartbeatIntervalMs: ms }) => (ms === undefined ? undefined : `${ms / 1_000}s`),
  },
  'log-level': {
    key: 'logLevel',
    summary: 'least level of the agent’s log: debug, info, warn, error',
    parse: (text) => text,
    show: ({ logLevel }) => logLevel,
  },
  'restore-bandwidth': {
    key: 'restoreBandwidth',
    summary:
      'what restores may take in the background: "mon-fri 08:00-18:00 10MiB; sat,sun 00:00-24:00 50MiB"',
    parse: (text) => each(text).map(bandwidthWindow),
    show: ({ restoreBandwidth }) =>
      restoreBandwidth?.map((one) => `${windowText(one)} ${rateText(one.bytesPerSec)}`).join('; '),
  },
  maintenance: {
    key: 'maintenance',
    summary: 'when work on the gateway is expected: "sun 02:00-04:00"',
    parse: (text) => each(text).map(maintenanceWindow),
    show: ({ maintenance }) => maintenance?.map(windowText).join('; '),
  },
  'time-zone': {
    key: 'timeZone',
    summary: 'in which the windows are meant: Europe/Oslo (default: UTC)',
    parse: (text) => text,
    show: ({ timeZone }) => timeZone,
  },
};

export const settingsHelp = Object.entries(settings)
  .map(([name, { summary }]) => paragraph(summary, `  ${name.padEnd(19)} `))
  .join('\n');

/** `name=value` texts and names to be taken away, over what there is. Throws USAGE and INVALID_INPUT, naming the setting. */
export function changedConfiguration(
  before: Configuration,
  { set, unset }: { set: readonly string[]; unset: readonly string[] },
): Configuration {
  const values = set.map((text) => namedValue('--set', text, 'log-level=debug'));
  const names = values.map(([name]) => name);
  requireEachOnce('--set', names, 'give each setting once; several windows of one are written "…; …"');
  const both = unset.find((name) => names.includes(name));
  if (both !== undefined)
    throw new HoldfastError('USAGE', `${both} is behind --set and behind --unset`, {
      hint: 'leave one away',
    });
  const after: Record<string, unknown> = { ...before };
  for (const name of unset) delete after[settingOf(name).key];
  for (const [name, text] of values) {
    const { key, parse } = settingOf(name);
    after[key] = parse(text);
  }
  return checked(after, typedName);
}

/** What stands in a file, in the API's words. Throws INVALID_INPUT. */
export const checkedConfiguration = (given: unknown): Configuration => checked(given);

function checked(given: unknown, nameOf?: typeof typedName): Configuration {
  const parsed = configurationSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new HoldfastError('INVALID_INPUT', plainIssues(parsed.error, given, 'the configuration', nameOf), {
    hint: 'nothing was changed; correct the value',
  });
}

const nameOfKey: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(settings).map(([name, { key }]) => [key, name]),
);
const partOfWindow: Readonly<Record<string, string>> = {
  days: 'days',
  from: 'begin',
  to: 'end',
  bytesPerSec: 'rate in bytes a second',
};

/** `--set time-zone`; `--set maintenance, end of window 1`. */
function typedName([key, window, part]: readonly PropertyKey[]): string {
  if (key === undefined) return '';
  const setting = `--set ${nameOfKey[String(key)] ?? String(key)}`;
  if (typeof window !== 'number') return setting;
  const of = part === undefined ? '' : `${partOfWindow[String(part)] ?? String(part)} of `;
  return `${setting}, ${of}window ${window + 1}`;
}

/** What a gateway, which knows the API's names alone, says of its settings, in those that are typed. */
export const inTypedNames = (text: string): string =>
  text.replace(/\b[a-z]+[A-Z]\w*/g, (key) => (Object.hasOwn(nameOfKey, key) ? nameOfKey[key]! : key));

function settingOf(name: string): Setting {
  const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
  if (setting) return setting;
  throw new HoldfastError('USAGE', `there is no setting "${name}"`, {
    hint: `the settings are ${Object.keys(settings).join(', ')}`,
  });
}

const each = (text: string): string[] =>
  text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function timeWindow(text: string, wrong: () => HoldfastError): TimeWindow {
  const match = /^(\S+)\s+(\S+?)-(\S+)$/.exec(text);
  if (!match) throw wrong();
  const [, days = '', from = '', to = ''] = match;
  return { days: daysOf(days, wrong), from, to };
}

const maintenanceWindow = (text: string): TimeWindow =>
  timeWindow(text, () => noWindow('maintenance', text, 'sun 02:00-04:00'));

const rateUnits = ['B', 'KiB', 'MiB', 'GiB'];

function bandwidthWindow(text: string): TimeWindow & { bytesPerSec: number } {
  const wrong = () => noWindow('restore-bandwidth', text, 'mon-fri 08:00-18:00 10MiB');
  const match = /^(.*\S)\s+(\d{1,13}(?:\.\d{1,3})?)(B|KiB|MiB|GiB)(?:\/s)?$/.exec(text);
  if (!match) throw wrong();
  const [, window = '', count, unit = ''] = match;
  const bytesPerSec = Math.round(Number(count) * 1024 ** rateUnits.indexOf(unit));
  return { ...timeWindow(window, wrong), bytesPerSec };
}

/** `mon-fri`, `sat,sun`, `daily`; `fri-mon` goes over the week's end. */
function daysOf(text: string, wrong: () => HoldfastError): Weekday[] {
  if (text === 'daily') return [...weekdays];
  const found = text.split(',').flatMap((part) => {
    const [from, to] = part.split('-').map((name) => weekdays.indexOf(name as Weekday));
    if (from === undefined || from < 0 || (to !== undefined && to < 0)) throw wrong();
    const count = to === undefined ? 1 : ((to - from + 7) % 7) + 1;
    return Array.from({ length: count }, (_, i) => weekdays[(from + i) % 7]!);
  });
  return weekdays.filter((day) => found.includes(day));
}

const noWindow = (name: string, text: string, example: string): HoldfastError =>
  new HoldfastError('INVALID_INPUT', `--set ${name}: "${text.slice(0, 80)}" is no window`, {
    hint: `write it like "${example}"; days are ${weekdays.join(', ')} or daily`,
  });

/** In the largest unit that it is a whole number of: nothing is rounded. */
function rateText(bytesPerSec: number): string {
  const power = rateUnits.findLastIndex((_, i) => bytesPerSec % 1024 ** i === 0);
  return `${bytesPerSec / 1024 ** power}${rateUnits[power]}`;
}

function windowText({ days, from, to }: TimeWindow): string {
  const first = weekdays.indexOf(days[0] ?? 'mon');
  const isRange = days.length > 2 && days.every((day, i) => weekdays.indexOf(day) === first + i);
  const named = days.length === 7 ? 'daily' : isRange ? `${days[0]}-${days.at(-1)}` : days.join(',');
  return `${named} ${from}-${to}`;
}
