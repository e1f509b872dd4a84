import { typed } from '../../core/typed.ts';

/** The examples in a command's help; each is what follows `holdfast-agent`. */
export function exampleText(...examples: string[]): string {
  const lines = examples.map((line) => `  $ ${typed(`holdfast-agent ${line}`)}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
}
