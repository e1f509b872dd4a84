import { examplesOf } from '../../core/example-text.ts';

/** The examples in a command's help; each is what follows `holdfast-agent`. */
export const exampleText = (...examples: string[]): string => `${examplesOf('holdfast-agent', examples)}\n`;

/** For commands that reach the control plane. */
export const outboundText = `
Behind a proxy: HTTPS_PROXY=http://proxy.example.com:3128, and NO_PROXY for what
is reached without it. A certificate authority of your own: NODE_EXTRA_CA_CERTS=
FILE. docs/deploy.md has more. http:// is taken for this machine alone.
`;
