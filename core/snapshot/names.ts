import { HoldfastError } from '../errors.ts';

/**
 * Names in the repository. A snapshot's id is a ULID in lower case: 48 bits of Unix milliseconds and 80 random
 * bits in Crockford's base32, so that ids sort by time and are safe in paths, URLs and shells. Packs and pages
 * stand in a folder named by the snapshot whose upload wrote them (their owner) under 128 random bits: each name
 * is written once, by one upload, and a collector sees from the name alone which upload an object belongs to.
 */
export const idBytes = 16;
export const objectNameBytes = 2 * idBytes;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idPattern = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const objectPattern = /^([0-7][0-9a-hjkmnp-tv-z]{25})\/[0-9a-f]{32}$/;
const timeMsMax = 2 ** 48 - 1;

/** Random bytes of the asked length; `crypto.randomBytes` outside of tests. */
export type RandomBytes = (lengthBytes: number) => Uint8Array;

export const isSnapshotId = (text: string): boolean => idPattern.test(text);

/** Throws INVALID_INPUT where the text is not a snapshot's id. */
export function checkSnapshotId(text: string): string {
  if (isSnapshotId(text)) return text;
  throw new HoldfastError('INVALID_INPUT', `“${text.slice(0, 80)}” is not a snapshot id`, {
    hint: 'an id has 26 lower-case letters and digits, such as 01k9z3v6x0e8m4t2q7c5b1a9hd',
  });
}

export function newSnapshotId(nowMs: number, random: RandomBytes): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs > timeMsMax)
    throw new RangeError(`time ${nowMs} is out of range`);
  const bytes = new Uint8Array(idBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs % 2 ** 32);
  bytes.set(random(10), 6);
  return decodeId(bytes);
}

/** Unix milliseconds at which the id was made. */
export const snapshotIdTimeMs = (id: string): number => {
  const bytes = encodeId(id);
  const view = new DataView(bytes.buffer);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
};

/** 26 characters → 16 bytes. */
export function encodeId(id: string): Uint8Array<ArrayBuffer> {
  checkSnapshotId(id);
  let value = 0n;
  for (const character of id) value = (value << 5n) | BigInt(alphabet.indexOf(character));
  return new Uint8Array(Buffer.from(value.toString(16).padStart(2 * idBytes, '0'), 'hex'));
}

/** 16 bytes → 26 characters. */
export function decodeId(bytes: Uint8Array): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let id = '';
  for (let position = 0; position < 26; position += 1) {
    id = alphabet[Number(value & 31n)]! + id;
    value >>= 5n;
  }
  return id;
}

/** A pack's or page's name within `packs/` or `pages/`: `<owner>/<32 hexadecimal digits>`. */
export const newObjectName = (owner: string, random: RandomBytes): string =>
  `${checkSnapshotId(owner)}/${Buffer.from(random(idBytes)).toString('hex')}`;

export function encodeObjectName(name: string): Uint8Array {
  if (!objectPattern.test(name)) throw new RangeError(`“${name}” is not an object's name`);
  const bytes = new Uint8Array(objectNameBytes);
  bytes.set(encodeId(name.slice(0, 26)), 0);
  bytes.set(Buffer.from(name.slice(27), 'hex'), idBytes);
  return bytes;
}

export const decodeObjectName = (bytes: Uint8Array): string =>
  `${decodeId(bytes.subarray(0, idBytes))}/${Buffer.from(bytes.subarray(idBytes, objectNameBytes)).toString('hex')}`;

/** Keys below the repository's prefix. */
export const folders = {
  snapshots: 'snapshots/',
  pages: 'pages/',
  packs: 'packs/',
  intents: 'intents/',
  pins: 'pins/',
  tombstones: 'tombstones/',
  hot: 'hot/',
} as const;

export type IntentStep = 'open' | 'sealed' | 'abandoned';

export const keys = {
  root: (snapshotId: string) => `${folders.snapshots}${snapshotId}`,
  page: (name: string) => `${folders.pages}${name}`,
  packsOf: (owner: string) => `${folders.packs}${owner}/`,
  pack: (name: string) => `${folders.packs}${name}`,
  intents: (snapshotId: string) => `${folders.intents}${snapshotId}/`,
  intent: (snapshotId: string, step: IntentStep) => `${folders.intents}${snapshotId}/${step}`,
  pins: (snapshotId: string) => `${folders.pins}${snapshotId}/`,
  pin: (snapshotId: string, pinId: string) => `${folders.pins}${snapshotId}/${pinId}`,
  tombstone: (snapshotId: string) => `${folders.tombstones}${snapshotId}`,
  hot: (snapshotId: string) => `${folders.hot}${snapshotId}`,
};

/** The snapshot id in `snapshots/<id>`, `tombstones/<id>`, `packs/<id>/…`; undefined where there is none. */
export function idInKey(key: string, folder: string): string | undefined {
  if (!key.startsWith(folder)) return undefined;
  const id = key.slice(folder.length).split('/')[0]!;
  return isSnapshotId(id) ? id : undefined;
}
