import { errorLine, type HoldfastError } from '../../core/errors.ts';

const troubleEveryMs = 60_000;

/** Each kind of trouble once a minute: the background tries again for ever, at block after block. */
export function troubleTeller(cli: {
  stderr: (text: string) => void;
  now: () => number;
}): (error: HoldfastError) => void {
  const toldAtMs = new Map<string, number>();
  return (error) => {
    const nowMs = cli.now();
    if (nowMs - (toldAtMs.get(error.code) ?? -Infinity) < troubleEveryMs) return;
    toldAtMs.set(error.code, nowMs);
    cli.stderr(`${errorLine(error)}\n`);
  };
}
