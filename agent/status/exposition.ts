/** One sample of a Prometheus text. */
export interface ExposedSample {
  name: string;
  value: number;
}

const samplesMax = 1_000;
/** Name, labels in braces (not looked at), value, and a time that nobody needs. */
const sampleLine =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?$/;

/**
 * Samples of a text in Prometheus' format (0.0.4). A line that is none is passed over; `problem` names the first.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseExposition(text: string): { samples: ExposedSample[]; problem: string | undefined } {
  const samples: ExposedSample[] = [];
  let problem: string | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, name, number] = lineMatch(trimmed);
    const value = number === undefined ? undefined : numberOf(number);
    if (name === undefined || value === undefined) problem ??= `line ${i + 1} is no sample`;
    else if (samples.length >= samplesMax) return { samples, problem: `more than ${samplesMax} samples` };
    else samples.push({ name, value });
  }
  return { samples, problem };
}

const lineCharsMax = 2_000;
const lineMatch = (line: string): readonly string[] =>
  line.length > lineCharsMax ? [] : (sampleLine.exec(line) ?? []);

function numberOf(text: string): number | undefined {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (text === 'NaN') return NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}
