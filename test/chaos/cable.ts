import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type Cut = 'rst' | 'fin';
/** What is lost of connections in a hole: both ways, or one of them. */
export type Loss = 'both' | 'up' | 'down';

interface Wire {
  near: Socket;
  far: Socket;
  loss: Loss | undefined;
}

/**
 * A network cable between agents and one address, as TCP sees it: it can be cut, so that both ends hear of it; go
 * silent, so that neither does; be slow; or let nobody in.
 */
export class Cable {
  readonly url: string;
  dials = 0;
  refusals = 0;
  readonly #server: Server;
  readonly #wires = new Set<Wire>();
  #delayMs = 0;
  #refusing = false;
  #swallowing = false;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.url = `${target.protocol}//127.0.0.1:${port}${target.pathname}`;
  }

  static async to(targetUrl: string): Promise<Cable> {
    const target = new URL(targetUrl);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const cable = new Cable(server, target);
    server.on('connection', (near) => cable.#plug(near, target));
    return cable;
  }

  /** Connections that both ends believe in, or one of them. */
  get wires(): number {
    return this.#wires.size;
  }

  /** Ends every connection, and what it swallowed. How many there were. */
  cut(how: Cut): number {
    this.#swallowing = false;
    const wires = [...this.#wires];
    for (const { near, far } of wires)
      for (const end of [near, far])
        if (how === 'rst') end.resetAndDestroy();
        else end.end();
    return wires.length;
  }

  /** From now on these connections lose everything, the news of their end too, for as long as they are. */
  silence(loss: Loss): number {
    for (const wire of this.#wires) wire.loss = loss;
    return this.#wires.size;
  }

  /** As `silence`, and those that are dialed from now on lose everything too, until the cable is cut. */
  swallow(): number {
    this.#swallowing = true;
    return this.silence('both');
  }

  slowDown(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  async unplug(): Promise<void> {
    this.cut('rst');
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #plug(near: Socket, { hostname, port }: URL): void {
    this.dials += 1;
    if (this.#refusing) {
      this.refusals += 1;
      near.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const wire: Wire = {
      near,
      far: connect(Number(port), hostname),
      loss: this.#swallowing ? 'both' : undefined,
    };
    this.#wires.add(wire);
    this.#carry(wire, wire.near, wire.far, 'up');
    this.#carry(wire, wire.far, wire.near, 'down');
  }

  #carry(wire: Wire, from: Socket, to: Socket, way: Exclude<Loss, 'both'>): void {
    const isLost = () => wire.loss === 'both' || wire.loss === way;
    // What was sent first arrives first, also when the cable gets faster.
    let arrivesAt = 0;
    const later = (deliver: () => void): void => {
      arrivesAt = Math.max(arrivesAt, Date.now() + this.#delayMs);
      const inMs = arrivesAt - Date.now();
      const unlessLost = () => void (isLost() || to.destroyed || deliver());
      if (inMs > 0) setTimeout(unlessLost, inMs);
      else unlessLost();
    };
    from.on('data', (part) => later(() => to.write(part)));
    from.on('end', () => later(() => to.end()));
    from.on('error', () => undefined);
    from.on('close', () => {
      if (wire.near.destroyed && wire.far.destroyed) this.#wires.delete(wire);
      later(() => to.destroy());
    });
  }
}
