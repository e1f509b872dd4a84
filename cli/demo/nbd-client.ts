import { connect, type Socket } from 'node:net';
import { HoldfastError } from '../../core/errors.ts';

/**
 * A small NBD client (fixed newstyle, simple replies), written from the protocol alone so that the demo looks at the
 * server from outside. One request at a time. https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
const optionMagic = 0x49484156454f5054n;
const optionReplyMagic = 0x3e889045565a9n;
const requestMagic = 0x25609513;
const replyMagic = 0x67446698;
const optGo = 7;
const repAck = 1;
const repInfo = 3;
const command = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;

export class NbdClient {
  readonly #socket: Socket;
  readonly #bytes: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);
  #cookie = 0n;
  sizeBytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#bytes = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Connects to an export on a unix socket. Throws UNAVAILABLE, PROTOCOL. */
  static async open(socketPath: string, exportName: string): Promise<NbdClient> {
    const socket = connect(socketPath);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (cause) =>
        reject(new HoldfastError('UNAVAILABLE', `no NBD server at ${socketPath}`, { cause })),
      );
    });
    socket.on('error', () => undefined);
    const client = new NbdClient(socket);
    await client.#handshake(exportName);
    return client;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    await this.#request(command.read, offsetBytes, lengthBytes);
    return this.#take(lengthBytes);
  }

  /** Resolves when the server acknowledged the write. */
  async write(offsetBytes: number, data: Buffer): Promise<void> {
    await this.#request(command.write, offsetBytes, data.length, data);
  }

  async flush(): Promise<void> {
    await this.#request(command.flush, 0, 0);
  }

  close(): void {
    this.#socket.write(requestHeader(command.disconnect, 0n, 0, 0));
    this.#socket.end();
  }

  async #handshake(exportName: string): Promise<void> {
    const greeting = await this.#take(18);
    if (greeting.toString('latin1', 0, 16) !== 'NBDMAGICIHAVEOPT')
      throw protocol('the server’s greeting is not NBD');
    const name = Buffer.from(exportName);
    const option = Buffer.alloc(4 + 16 + 4 + name.length + 2);
    option.writeUInt32BE(3, 0);
    option.writeBigUInt64BE(optionMagic, 4);
    option.writeUInt32BE(optGo, 12);
    option.writeUInt32BE(4 + name.length + 2, 16);
    option.writeUInt32BE(name.length, 20);
    name.copy(option, 24);
    this.#socket.write(option);
    for (;;) {
      const head = await this.#take(20);
      if (head.readBigUInt64BE(0) !== optionReplyMagic) throw protocol('bad option reply');
      const type = head.readUInt32BE(12);
      const payload = await this.#take(Math.min(head.readUInt32BE(16), 65_536));
      if (type === repAck) return;
      if (type !== repInfo)
        throw protocol(`export "${exportName}" is refused: ${payload.toString().slice(0, 200)}`);
      if (payload.readUInt16BE(0) === 0) this.sizeBytes = Number(payload.readBigUInt64BE(2));
    }
  }

  async #request(type: number, offsetBytes: number, lengthBytes: number, data?: Buffer): Promise<void> {
    this.#cookie += 1n;
    this.#socket.write(requestHeader(type, this.#cookie, offsetBytes, lengthBytes));
    if (data) this.#socket.write(data);
    const reply = await this.#take(16);
    if (reply.readUInt32BE(0) !== replyMagic || reply.readBigUInt64BE(8) !== this.#cookie)
      throw protocol('bad reply');
    const errno = reply.readUInt32BE(4);
    if (errno !== 0)
      throw new HoldfastError('IO', `NBD request ${type} at ${offsetBytes} failed with errno ${errno}`);
  }

  async #take(lengthBytes: number): Promise<Buffer> {
    while (this.#pending.length < lengthBytes) {
      const { done, value } = await this.#bytes.next();
      if (done) throw new HoldfastError('UNAVAILABLE', 'the NBD server closed the connection');
      this.#pending = this.#pending.length ? Buffer.concat([this.#pending, value]) : value;
    }
    const taken = this.#pending.subarray(0, lengthBytes);
    this.#pending = this.#pending.subarray(lengthBytes);
    return taken;
  }
}

function requestHeader(type: number, cookie: bigint, offsetBytes: number, lengthBytes: number): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(requestMagic, 0);
  header.writeUInt16BE(type, 6);
  header.writeBigUInt64BE(cookie, 8);
  header.writeBigUInt64BE(BigInt(offsetBytes), 16);
  header.writeUInt32BE(lengthBytes, 24);
  return header;
}

const protocol = (message: string): HoldfastError => new HoldfastError('PROTOCOL', message);
