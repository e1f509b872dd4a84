/** A system call as `strace -f -y -xx` printed it. One object for its begin and its end. */
export interface SystemCall {
  name: string;
  /** What the first argument, a file descriptor, refers to: a path, `socket:[inode]`; '' where it is none. */
  file: string;
  /** The numbers of the arguments that are numbers, in order. */
  numbers: number[];
  /** All strings of the arguments one behind the other. */
  bytes: Buffer;
  /** What it returned; undefined where the process died in it. */
  result: number | undefined;
}

export interface CallEvent {
  step: 'begin' | 'end';
  call: SystemCall;
}

/**
 * Every begin and end, in the order in which they happened. A call that another thread interrupted comes in two
 * lines; of all others begin and end stand side by side. What a killed process was in has no end.
 */
export function readSystemCalls(trace: string): CallEvent[] {
  const events: CallEvent[] = [];
  const open = new Map<string, { front: string; call: SystemCall }>();
  for (const line of trace.split('\n')) {
    const space = line.indexOf(' ');
    const thread = line.slice(0, space);
    const text = line.slice(space).trimStart();
    if (text.endsWith('<unfinished ...>')) {
      const front = text.slice(0, -'<unfinished ...>'.length);
      const call = parseCall(`${front}) = ?`);
      if (!call) continue;
      open.set(thread, { front, call });
      events.push({ step: 'begin', call });
    } else if (text.startsWith('<... ')) {
      const begun = open.get(thread);
      open.delete(thread);
      const whole =
        begun && parseCall(begun.front + text.slice(text.indexOf('resumed>') + 'resumed>'.length));
      if (!begun || !whole || whole.result === undefined) continue;
      Object.assign(begun.call, whole);
      events.push({ step: 'end', call: begun.call });
    } else {
      const call = parseCall(text);
      if (!call) continue;
      events.push({ step: 'begin', call });
      if (call.result !== undefined) events.push({ step: 'end', call });
    }
  }
  return events;
}

function parseCall(text: string): SystemCall | undefined {
  const name = /^(\w+)\(/.exec(text)?.[1];
  const tail = /\)\s*=\s*(\?|-?\d+)[^"]*$/.exec(text);
  if (name === undefined || !tail) return undefined;
  const args = text.slice(name.length + 1, tail.index);
  const file = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => match[1] ?? '');
  const plain = args.replace(/"[^"]*"/g, '');
  return {
    name,
    file: file.startsWith('\\x') ? hexAsText(file) : file,
    numbers: [...plain.matchAll(/(?:^|, )(\d+)(?=,|\s*$)/g)].map((match) => Number(match[1])),
    bytes: Buffer.from(strings.join('').replaceAll('\\x', ''), 'hex'),
    result: tail[1] === '?' ? undefined : Number(tail[1]),
  };
}

const hexAsText = (hex: string): string => Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString();
