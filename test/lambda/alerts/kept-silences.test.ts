import type { SilenceItem } from '../../../core/alerts/model.ts';
import { newSilence, silenceLimits } from '../../../core/alerts/silences.ts';
import type { SilenceDeps } from '../../../lambda/alerts/silences.ts';
import { collect } from '../../../lambda/aws/collect.ts';
import type { QueryOptions } from '../../../lambda/aws/table.ts';
import { silencesTable } from '../../../lambda/aws/tables.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { hours, minutes, t0 } from '../../support/fleet.ts';
import { silenceCalls } from './silence-calls.ts';

let dynamo: TestDynamo;
let deps: SilenceDeps;
let now: number;
let made = 0;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
const { create, list } = silenceCalls(() => deps);

describe('silences of a tenant that has as many as are kept', () => {
  /** One is open, and the others have been over for longer the smaller their number is. */
  beforeEach(async () => {
    now = t0;
    const names = await dynamo.createTables();
    deps = {
      silences: silencesTable(names.SILENCES_TABLE, dynamo.client),
      random: (bytes) => Buffer.alloc(bytes, (made += 1)),
      now: () => now,
    };
    await putKept(silenceLimits.keptMax - 1, (i) => ({ at: t0 - 2 * hours + i * minutes, forMs: minutes }));
    await putKept(1, () => ({ at: t0 - 3 * hours, forMs: 24 * hours }), 'si-open');
  });
  const putKept = (
    count: number,
    of: (i: number) => { at: number; forMs: number },
    name = 'si',
    over: Partial<SilenceItem> = {},
  ) =>
    Promise.all(
      Array.from({ length: count }, (_, i) => {
        const { at, forMs } = of(i);
        const named = { tenantId: 'acme', silenceId: `${name}-${i}`, by: 'ann', at };
        return deps.silences.put({ ...newSilence({ why: 'w', forMs }, named), ...over });
      }),
    );
  const kept = async () => new Set(await list('all'));

  it('take the place of the one that has been over for longest, and of none that holds', async () => {
    now = t0 + 2 * hours;
    const { silence: one } = await create({ all: true, why: 'w', forMs: hours });
    const first = await kept();
    expect([first.size, first.has('si-0'), first.has('si-1')]).toEqual([silenceLimits.keptMax, false, true]);
    expect(await list()).toEqual([one.silenceId, 'si-open-0']);
    await create({ all: true, why: 'w', forMs: hours });
    const second = await kept();
    expect([second.size, second.has('si-1'), second.has('si-open-0')]).toEqual([200, false, true]);
  });

  it('go by when they were ended, not by when they were to end', async () => {
    now = t0 + 2 * hours;
    const ended = { endedAt: t0 - 2 * hours, endedBy: 'ann' };
    await putKept(1, () => ({ at: t0 - 2 * hours, forMs: 24 * hours }), 'si-ended', ended);
    await create({ all: true, why: 'w', forMs: hours });
    const left = await kept();
    expect([left.has('si-ended-0'), left.has('si-0'), left.has('si-1')]).toEqual([false, false, true]);
  });

  it('made at the same time each have the place of another', async () => {
    now = t0 + 4 * hours;
    const { silences } = deps;
    const makers = 8;
    const { promise: allRead, resolve } = Promise.withResolvers<void>();
    let reads = 0;
    const together = {
      put: silences.put.bind(silences),
      delete: silences.delete.bind(silences),
      query: async function* (options: QueryOptions) {
        const items = await collect(silences.query(options));
        if ((reads += 1) === makers) resolve();
        await allRead;
        yield* items;
      },
    } as never as SilenceDeps['silences'];
    deps = { ...deps, silences: together };
    await Promise.all(Array.from({ length: makers }, () => create({ all: true, why: 'w', forMs: hours })));
    deps = { ...deps, silences };
    const left = await kept();
    expect(left.size).toBe(silenceLimits.keptMax);
    expect([...Array(9).keys()].filter((i) => left.has(`si-${i}`))).toEqual([8]);
  });

  it('become fewer with each new one where there are more than are kept', async () => {
    await putKept(5, () => ({ at: t0 - 2 * hours, forMs: minutes }), 'si-more');
    const sizes: number[] = [];
    for (let i = 0; i < 7; i++) {
      await create({ all: true, why: 'w', forMs: hours });
      sizes.push((await kept()).size);
    }
    expect(sizes).toEqual([204, 203, 202, 201, 200, 200, 200]);
  });

  it('leave those of other tenants alone', async () => {
    await create({ all: true, why: 'w', forMs: hours }, 'other');
    expect((await kept()).size).toBe(silenceLimits.keptMax);
  });
});
