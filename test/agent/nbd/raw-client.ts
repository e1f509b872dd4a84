import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { NbdListen } from '../../../agent/nbd/listen.ts';

/** A client that says whatever a test tells it to, right or wrong. Shares no code with the server. */
export interface RawClient {
  socket: Socket;
  send(...bytes: Buffer[]): void;
  /** The next `count` bytes; rejects where the connection ends before. */
  read(count: number): Promise<Buffer>;
  /** Resolves when the server has closed, with what it still sent. */
  end(): Promise<Buffer>;
}

export async function rawConnect(address: NbdListen): Promise<RawClient> {
  const socket = 'unix' in address ? connect(address.unix) : connect(address.port, address.host);
  let chunks: Buffer[] = [];
  let receivedBytes = 0;
  let closed = false;
  let wake = Promise.withResolvers<void>();
  const news = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    receivedBytes += chunk.length;
    news();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
    news();
  });
  await once(socket, 'connect');
  return {
    socket,
    send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    read: async (count) => {
      while (receivedBytes < count) {
        if (closed) throw new Error(`closed after ${receivedBytes} of ${count} bytes`);
        await wake.promise;
      }
      const received = Buffer.concat(chunks);
      chunks = [received.subarray(count)];
      receivedBytes -= count;
      return received.subarray(0, count);
    },
    end: async () => {
      while (!closed) await wake.promise;
      return Buffer.concat(chunks);
    },
  };
}

export function optionBytes(code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(16);
  header.write('IHAVEOPT');
  header.writeUInt32BE(code, 8);
  header.writeUInt32BE(data.length, 12);
  return Buffer.concat([header, data]);
}

export function requestBytes(request: {
  type: number;
  offset?: number | bigint;
  length?: number;
  flags?: number;
  cookie?: number;
  payload?: Buffer;
}): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(0x25609513, 0);
  header.writeUInt16BE(request.flags ?? 0, 4);
  header.writeUInt16BE(request.type, 6);
  header.writeUInt32BE(request.cookie ?? 0, 12);
  header.writeBigUInt64BE(BigInt(request.offset ?? 0), 16);
  header.writeUInt32BE(request.length ?? 0, 24);
  return Buffer.concat([header, request.payload ?? Buffer.alloc(0)]);
}

/** Through the handshake by EXPORT_NAME; structured replies where asked. */
export async function transmitting(
  address: NbdListen,
  name: string,
  options: { structured?: boolean } = {},
): Promise<RawClient> {
  const client = await rawConnect(address);
  await client.read(18);
  client.send(Buffer.from([0, 0, 0, 3]));
  if (options.structured) {
    client.send(optionBytes(8));
    await client.read(20);
  }
  client.send(optionBytes(1, Buffer.from(name)));
  await client.read(10);
  return client;
}

/** A simple reply: its errno and the cookie's low half. */
export async function simpleReply(client: RawClient): Promise<{ error: number; cookie: number }> {
  const reply = await client.read(16);
  if (reply.readUInt32BE(0) !== 0x67446698) throw new Error(`not a simple reply: ${reply.toString('hex')}`);
  return { error: reply.readUInt32BE(4), cookie: reply.readUInt32BE(12) };
}
