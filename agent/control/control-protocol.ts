import { z } from 'zod';

/**
 * What the agent's CLI and the running agent say to each other over a Unix socket: one JSON object a line, one call
 * a connection. Closing the connection ends the call.
 */
export const controlLineBytesMax = 256 * 1024;

export const controlRequestSchema = z.strictObject({
  method: z.string().max(64),
  params: z.record(z.string(), z.json()).default({}),
});

export const controlAnswerSchema = z.union([
  z.strictObject({ progress: z.record(z.string(), z.json()) }),
  z.strictObject({ result: z.json().optional() }),
  z.strictObject({
    error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().optional() }),
  }),
]);
export type ControlAnswer = z.infer<typeof controlAnswerSchema>;

export interface ControlCall {
  /** Aborted when the caller goes away or the agent stops. */
  signal: AbortSignal;
  progress: (data: Record<string, string | number>) => void;
}

/** A method: its parameters are validated before it runs. */
export interface ControlMethod<S extends z.ZodType = z.ZodType> {
  params: S;
  run: (params: z.infer<S>, call: ControlCall) => Promise<unknown> | unknown;
}
export type ControlMethods = ReadonlyMap<string, ControlMethod>;

/** Splits what arrives into lines; undefined: a line is longer than allowed. */
export function lineSplitter(): (part: string) => string[] | undefined {
  let rest = '';
  return (part) => {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    return rest.length > controlLineBytesMax ? undefined : lines;
  };
}
