import { readFile, stat } from 'node:fs/promises';
import { isMap, isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { HoldfastError } from '../core/errors.ts';
import { plainIssues } from '../core/plain-issues.ts';
import { playbookSchema, type Playbook } from './playbook-schema.ts';

const playbookBytesMax = 1024 * 1024;
const problemsMax = 50;
const hint = 'see docs/playbooks.md';

/** What is wrong with a playbook, and where: counted from 1. */
export interface Problem {
  line: number;
  column: number;
  message: string;
}
type Parsed = { playbook: Playbook } | { problems: Problem[] };

/** Reads and checks a playbook. Throws NOT_FOUND, or CONFIG that names the file, the line and what is wrong there. */
export async function readPlaybook(file: string): Promise<Playbook> {
  const parsed = await checkPlaybook(file);
  if ('playbook' in parsed) return parsed.playbook;
  const [first, ...rest] = parsed.problems.map((problem) => problemText(file, problem));
  const more = rest.length > 0 ? ` (and ${rest.length} more)` : '';
  throw new HoldfastError('CONFIG', `${first}${more}`, {
    hint: '`admin check` shows all that is wrong; docs/playbooks.md has the format',
  });
}

/** Everything that is wrong with it, in the order of the file. Throws NOT_FOUND, or CONFIG for what is no such file. */
export async function checkPlaybook(file: string): Promise<Parsed> {
  const text = await readSmallFile(file).catch((cause: unknown) => {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError('NOT_FOUND', `playbook ${file} cannot be read`, {
      hint: 'check the file’s name and its owner',
      cause,
    });
  });
  return parsePlaybook(text);
}

/** `playbook.yaml:12:5: …`, as compilers say it and editors understand it. */
export const problemText = (file: string, { line, column, message }: Problem): string =>
  `${file}:${line}:${column}: ${message}`;

export function parsePlaybook(text: string): Parsed {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const at = (offset: number, message: string): Problem => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), message };
  };
  // A tag that nobody knows is a warning only, and stands for who knows what.
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    return { problems: faults.slice(0, problemsMax).map((fault) => at(fault.pos[0], fault.message)) };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (thrown) {
    // Aliases that stand for more than the file could hold.
    return { problems: [at(0, (thrown as Error).message)] };
  }
  const parsed = playbookSchema.safeParse(value);
  if (parsed.success) return { playbook: parsed.data };
  const problems = parsed.error.issues
    .slice(0, problemsMax)
    .map((issue) =>
      at(offsetOf(document, issue), plainIssues(new z.ZodError([issue]), value, 'the playbook')),
    );
  return { problems: problems.toSorted((a, b) => a.line - b.line || a.column - b.column) };
}

/** Where the issue’s field stands; of a field that is missing, where its parent begins. */
function offsetOf(document: Document, issue: z.core.$ZodIssue): number {
  if (issue.code === 'unrecognized_keys') {
    const parent = nodeAt(document, issue.path);
    const pair = isMap(parent) ? parent.items.find(({ key }) => textOf(key) === issue.keys[0]) : undefined;
    if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0;
  }
  for (let length = issue.path.length; length >= 0; length--) {
    const node = nodeAt(document, issue.path.slice(0, length));
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

const nodeAt = (document: Document, path: readonly PropertyKey[]): unknown =>
  path.length === 0 ? document.contents : document.getIn(path, true);
const textOf = (key: unknown): string => String(isNode(key) ? key.toJSON() : key);

/** A pipe or a device may never end. */
async function readSmallFile(file: string): Promise<string> {
  const info = await stat(file);
  if (info.isFile() && info.size <= playbookBytesMax) return readFile(file, 'utf8');
  throw new HoldfastError('CONFIG', `playbook ${file} is no file of at most ${playbookBytesMax} bytes`, {
    hint,
  });
}
