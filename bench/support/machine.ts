import { cpus, totalmem } from 'node:os';

/** When and on what something was measured. */
export const machine = () => ({
  at: new Date().toISOString(),
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryBytes: totalmem(), node: process.version },
});
