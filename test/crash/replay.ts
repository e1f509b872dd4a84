import { makeGeometry } from '../../core/restore/geometry.ts';
import { label } from '../simulation/disk/contents.ts';
import { Model } from '../simulation/disk/model.ts';
import { sectorBytes, SimDisk } from '../simulation/disk/sim-disk.ts';
import { SimDescriptorFile } from '../simulation/disk/sim-store.ts';
import { applyReply, sectorsOf, type GuestRequest } from './guest.ts';
import type { RecordedLife, RecordedRun } from './record.ts';
import type { Recorded } from './recording.ts';

/** The greeting and the answer to EXPORT_NAME stand before the first reply. */
const handshakeBytes = 28;
const replyHeadBytes = 16;

type Begun = ReturnType<SimDisk['begin']> | { sequence: number; sizeBytes: number };

/**
 * Does again what was recorded, onto a disk that loses what no barrier covered. An answer counts from the moment at
 * which it was handed to the kernel: the guest may have had it from then on.
 */
export class Replay {
  readonly disk: SimDisk;
  readonly file = new SimDescriptorFile();
  readonly model: Model;
  readonly original: readonly Uint8Array[];
  #sizes: { now: number; durable: number };
  readonly #run: RecordedRun;
  #begun = new Map<Recorded, Begun>();
  #described = { text: '', isDurable: false };
  #isPublished = false;

  constructor(run: RecordedRun) {
    const { volume, contents } = run;
    this.#run = run;
    this.original = volume.original;
    this.model = new Model(volume.original);
    const volumeBytes = volume.original.length * sectorBytes;
    const { diskBytes } = makeGeometry({
      volumeBytes,
      snapshotBytes: 1,
      blockBytes: volume.chunkBytes,
      arity: 2,
    });
    const padding = Array.from({ length: (diskBytes - volumeBytes) / sectorBytes }, () => contents.zeroes);
    this.disk = new SimDisk(contents, [...volume.garbage, ...padding]);
    this.#sizes = { now: volumeBytes, durable: volumeBytes };
  }

  /** What the file’s length may be after power loss. */
  get possibleSizesBytes(): number[] {
    return [this.#sizes.now, this.#sizes.durable];
  }

  /** `visit` sees the state after each event, with the event’s number within the life. */
  async live(life: RecordedLife, visit: (at: number) => Promise<void>): Promise<void> {
    const ended = new Set(life.events.filter(({ step }) => step === 'end').map(({ call }) => call));
    const client = new RepliesToClient(this.model, life.requests);
    for (const [at, { step, call }] of life.events.entries()) {
      // Whether the guest got an answer in which the process died is not known.
      if (call.kind === 'reply' && step === 'begin' && ended.has(call)) client.push(call.bytes);
      if (step === 'begin') this.#begin(call);
      else this.#end(call);
      await visit(at);
    }
    client.askTheRest();
    this.#endLife(life);
  }

  #begin(call: Recorded): void {
    const { disk, file } = this;
    if (call.kind === 'write') this.#begun.set(call, disk.begin(sectorOf(call.offsetBytes), call.bytes));
    if (call.kind === 'zero')
      this.#begun.set(call, disk.begin(sectorOf(call.offsetBytes), new Uint8Array(call.lengthBytes)));
    if (call.kind === 'barrier')
      this.#begun.set(call, { sequence: disk.sequence, sizeBytes: this.#sizes.now });
    if (call.kind === 'publish') {
      // What was not synced before it was renamed may be an empty file.
      file.saving = this.#described.isDurable ? this.#described.text : '';
      file.revision++;
      this.#isPublished = false;
    }
  }

  #end(call: Recorded): void {
    const { disk, file } = this;
    const begun = this.#begun.get(call);
    if (begun && 'parts' in begun) disk.end(begun);
    if (begun && 'sequence' in begun) {
      disk.sync(begun.sequence);
      this.#sizes.durable = begun.sizeBytes;
    }
    if (call.kind === 'resize') this.#resize(call.lengthBytes);
    if (call.kind === 'describe') this.#described = { text: call.text, isDurable: false };
    if (call.kind === 'sync-description') this.#described.isDurable = true;
    if (call.kind === 'publish') this.#isPublished = true;
    if (call.kind !== 'sync-folder' || !this.#isPublished || file.saving === undefined) return;
    file.durable = file.saving;
    file.saving = undefined;
    file.revision++;
  }

  /** What was cut off reads as zeroes when it is there again. */
  #resize(lengthBytes: number): void {
    this.#sizes.now = lengthBytes;
    const cutBytes = this.disk.sizeBytes - lengthBytes;
    if (cutBytes < 0) throw new Error(`the target grew to ${lengthBytes} bytes`);
    if (cutBytes > 0) this.disk.end(this.disk.begin(sectorOf(lengthBytes), new Uint8Array(cutBytes)));
  }

  /** What was under way when the process ended has arrived or not: the file says which. Throws where it says more. */
  #endLife({ after }: RecordedLife): void {
    const { disk, file, model } = this;
    const { contents } = this.#run;
    const found = sectorsOf(after.target).map((bytes) => contents.same(bytes));
    disk.settle((index, bytes) => found[index] === bytes);
    model.kill();
    this.#begun = new Map();
    if (after.target.length !== this.#sizes.now)
      throw new Error(`the target has ${after.target.length} bytes, recorded were ${this.#sizes.now}`);
    for (const [index, bytes] of found.entries())
      if (disk.read(index) !== bytes)
        throw new Error(`sector ${index} holds ${label(bytes)}, recorded was ${label(disk.read(index))}`);
    if (file.saving !== undefined && after.descriptor === file.saving) this.#isPublished = true;
    else file.saving = undefined;
    if (after.descriptor !== (file.saving ?? file.durable))
      throw new Error('the descriptor is another one than was recorded');
  }
}

function sectorOf(offsetBytes: number): number {
  if (offsetBytes % sectorBytes !== 0) throw new Error(`a call at ${offsetBytes} is not at a sector`);
  return offsetBytes / sectorBytes;
}

/** Cuts what left for the guest into replies, and tells the model of each. */
class RepliesToClient {
  readonly #model: Model;
  readonly #requests: Map<number, GuestRequest>;
  readonly #asked: [number, GuestRequest][];
  readonly #askedAt = new Map<number, number>();
  #bytes: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #replies = 0;

  constructor(model: Model, requests: Map<number, GuestRequest>) {
    this.#model = model;
    this.#requests = requests;
    this.#asked = [...requests];
    this.#ask();
  }

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#isGreeted && this.#bytes.length < handshakeBytes) return;
    if (!this.#isGreeted) this.#bytes = this.#bytes.subarray(handshakeBytes);
    this.#isGreeted = true;
    while (this.#bytes.length >= replyHeadBytes) {
      const cookie = this.#bytes.readUInt32BE(12);
      const request = this.#requests.get(cookie);
      if (!request) throw new Error(`a reply to request ${cookie}, which nobody made`);
      const dataBytes = request.kind === 'read' ? request.count * sectorBytes : 0;
      if (this.#bytes.length < replyHeadBytes + dataBytes) return;
      this.#bytes = this.#bytes.subarray(replyHeadBytes + dataBytes);
      applyReply(this.#model, cookie, request, this.#askedAt.get(cookie)!);
      this.#replies++;
      this.#ask();
    }
  }

  /** The guest may have had answers in which the process died. */
  askTheRest(): void {
    this.#replies = Infinity;
    this.#ask();
  }

  /** The guest made a request when it had so many replies, not before. */
  #ask(): void {
    while (this.#asked[0] && this.#asked[0][1].repliesBefore <= this.#replies) {
      const [cookie, { parts, first }] = this.#asked.shift()!;
      if (parts.length > 0) this.#model.begin(cookie, first, parts);
      this.#askedAt.set(cookie, this.#model.sequence);
    }
  }
}
