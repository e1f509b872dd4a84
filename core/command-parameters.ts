import { z } from 'zod';
import { commandSpecs, type CommandKind, type CommandParams } from './command-kinds.ts';
import { shellWord } from './typed.ts';

/** One parameter of a kind of command, as people read of it. */
export interface CommandParameter {
  name: string;
  type: 'text' | 'whole number' | 'true or false';
  isNeeded: boolean;
  /** What it is, with its unit. */
  meaning: string;
}

/** What a kind takes, as its schema says it. */
export function parametersOf(kind: CommandKind): CommandParameter[] {
  const { shape } = commandSpecs[kind].params as z.ZodObject;
  return Object.entries(shape).map(([name, field]) => {
    const isNeeded = !(field instanceof z.ZodOptional);
    const type = field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : (field as z.ZodType);
    return { name, type: typeOf(type), isNeeded, meaning: type.description ?? '' };
  });
}

function typeOf(type: z.ZodType): CommandParameter['type'] {
  if (type instanceof z.ZodNumber) return 'whole number';
  return type instanceof z.ZodBoolean ? 'true or false' : 'text';
}

/** `volumeId path [sizeBytes]` */
export const parameterNames = (kind: CommandKind): string =>
  parametersOf(kind)
    .map(({ name, isNeeded }) => (isNeeded ? name : `[${name}]`))
    .join(' ');

/** Parameters that fit each kind. */
const exampleParams: { readonly [K in CommandKind]: CommandParams<K> } = {
  probe: { echo: 'hello' },
  'status.get': {},
  'volume.create': { volumeId: 'vol1', path: '/srv/vol1.img', sizeBytes: 1_073_741_824 },
  'volume.delete': { volumeId: 'vol1' },
  'volume.check': { volumeId: 'vol1' },
  'snapshot.create': { volumeId: 'vol1' },
  'snapshot.delete': { volumeId: 'vol1', snapshotId: '01m8atnxse8ysmg2tmrvmx45kn' },
  'restore.start': { volumeId: 'vol1', bandwidthBytesPerSec: 52_428_800 },
  'restore.pause': { volumeId: 'vol1' },
  'restore.resume': { volumeId: 'vol1' },
  'restore.limit': { volumeId: 'vol1', bandwidthBytesPerSec: 10_485_760 },
  'restore.cancel': { volumeId: 'vol1' },
  'diagnostics.collect': {},
  'service.restart': {},
  'key.rotate': {},
};

/** `send gw-7x2k volume.check -p volumeId=vol1`: what follows `holdfast`. */
export const exampleSend = (kind: CommandKind): string =>
  [
    `send gw-7x2k ${kind}`,
    ...Object.entries(exampleParams[kind]).map(([name, value]) => `-p ${shellWord(`${name}=${value}`)}`),
  ].join(' ');
