/**
 * A command line of Holdfast as a user types it: `npx` finds it in the checkout and starts it on the Node that
 * `npm ci` brought. Whatever is printed to be typed goes through here.
 */
export const typed = (commandLine: string): string => `npx ${commandLine}`;

/** The flags that say where the control plane is and who asks, as the user gave them to the command that prints. */
export interface GivenFlags {
  readonly endpoint?: string;
  readonly tenant?: string;
  readonly tokenFile?: string;
  readonly operatorTokenFile?: string;
  readonly dataDir?: string;
}

/** A command line to be typed next: it has the flags again without which it would ask elsewhere, or as somebody else. */
export function typedNext(commandLine: string, given: GivenFlags): string {
  const flags = Object.entries({
    '--endpoint': given.endpoint,
    '--tenant': given.tenant,
    '--token-file': given.tokenFile,
    '--operator-token-file': given.operatorTokenFile,
    '--data-dir': given.dataDir,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, shellWord(value)]));
  return typed([commandLine, ...flags].join(' '));
}

/** The command lines in a text, which stand there without flags, as `toType` has them typed. */
export const retyped = (text: string, toType: (commandLine: string) => string): string =>
  text.replaceAll(/`npx (holdfast [^`]+)`/g, (_, commandLine: string) => `\`${toType(commandLine)}\``);

/** One word for a shell, in quotes where it needs them. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
