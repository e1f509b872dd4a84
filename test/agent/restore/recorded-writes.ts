/** One system call that changes the disk or the descriptor, as strace saw it begin and end. */
export type Recorded =
  | { kind: 'write'; offset: number; bytes: Buffer }
  | { kind: 'zero'; offset: number; length: number }
  | { kind: 'barrier' }
  | { kind: 'describe'; text: string }
  | { kind: 'publish' };
export interface RecordedEvent {
  step: 'begin' | 'end';
  id: number;
  call: Recorded;
}

/**
 * Reads `strace -f -y -xx -s N` output: calls on `target`, and what is written to `descriptor` and renamed. Calls that
 * other threads interrupted come in two lines, so that begin and end are known.
 */
export function readStrace(text: string, paths: { target: string; descriptor: string }): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  const open = new Map<string, { line: string }>();
  const running = new Map<string, number>();
  let lastId = 0;
  const end = (thread: string, line: string) => {
    const call = parseCall(line, paths);
    if (!call) return;
    const id = running.get(thread) ?? ++lastId;
    if (!running.has(thread)) events.push({ step: 'begin', id, call });
    const begun = events.findLast((event) => event.id === id && event.step === 'begin');
    if (begun) begun.call = call;
    events.push({ step: 'end', id, call });
    running.delete(thread);
  };
  for (const raw of text.split('\n')) {
    const match = /^\[?(?:pid\s+)?(\d+)\]?\s+(.*)$/.exec(raw);
    if (!match) continue;
    const [, thread = '', line = ''] = match;
    if (line.endsWith('<unfinished ...>')) {
      const front = line.slice(0, -'<unfinished ...>'.length);
      open.set(thread, { line: front });
      const placeholder = parseCall(`${front}) = 0`, paths);
      if (!placeholder) continue;
      running.set(thread, ++lastId);
      events.push({ step: 'begin', id: lastId, call: placeholder });
    } else if (line.startsWith('<... ')) {
      const front = open.get(thread)?.line ?? '';
      open.delete(thread);
      end(thread, front + line.replace(/^<\.\.\. \w+ resumed>/, ''));
    } else end(thread, line);
  }
  return events;
}

function parseCall(line: string, paths: { target: string; descriptor: string }): Recorded | undefined {
  const name = /^(\w+)\(/.exec(line)?.[1];
  if (/= -1 /.test(line)) return undefined;
  const onTarget = line.includes(`<${paths.target}>`);
  if (name === 'fdatasync' && onTarget) return { kind: 'barrier' };
  if (name === 'fallocate' && onTarget) {
    const [, offset = '', length = ''] = /, (\d+), (\d+)\s*\)\s*=/.exec(line) ?? [];
    return { kind: 'zero', offset: Number(offset), length: Number(length) };
  }
  if ((name === 'pwrite64' || name === 'pwritev') && onTarget) {
    const offset = Number(/, (\d+)\s*\)\s*=/.exec(line)?.[1] ?? NaN);
    return { kind: 'write', offset, bytes: bytesIn(line) };
  }
  if ((name === 'write' || name === 'pwrite64') && line.includes(`<${paths.descriptor}.tmp>`))
    return { kind: 'describe', text: bytesIn(line).toString() };
  if (name?.startsWith('rename') && bytesIn(line).toString().endsWith(paths.descriptor))
    return { kind: 'publish' };
  return undefined;
}

/** All quoted strings of the line one behind the other; strace prints every byte as `\x..`. */
function bytesIn(line: string): Buffer {
  const quoted = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => match[1] ?? '');
  return Buffer.from(quoted.join('').replaceAll('\\x', ''), 'hex');
}
