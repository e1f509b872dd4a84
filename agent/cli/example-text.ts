import { typed } from '../../core/typed.ts';

/** The examples in a command's help; each is what follows `holdfast-agent`. */
export function exampleText(...examples: string[]): string {
  const lines = examples.map((line) => `  $ ${typed(`holdfast-agent ${line}`)}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
}

/** For commands that reach the control plane. */
export const outboundText = `
Behind a proxy: HTTPS_PROXY=http://proxy.example.com:3128, and NO_PROXY for what
is reached without it. A certificate authority of your own: NODE_EXTRA_CA_CERTS=
FILE. docs/deploy.md has more. http:// is taken for this machine alone.
`;
