/** What DynamoDB says that its answers cost, added up for the invocation that runs. */
export interface Usage {
  readUnits: number;
  writeUnits: number;
}
const usage: Usage = { readUnits: 0, writeUnits: 0 };

export function addUsage(kind: keyof Usage, units: number | undefined): void {
  usage[kind] += units ?? 0;
}

/** What was counted since the last call. A function handles one event at a time, so the count is that event's. */
export function takeUsage(): Usage {
  const taken = { ...usage };
  usage.readUnits = 0;
  usage.writeUnits = 0;
  return taken;
}
