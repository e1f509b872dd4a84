import { tickPhases } from '../../../lambda/alerts/ports.ts';
import { measuredLooks } from './measure.ts';

const gateways = 3_000;
const testMs = 120_000;

test(
  'a look at a fleet judges all of it, and keeps of it what fails',
  async () => {
    const looks = await measuredLooks({ gateways });
    for (const { report, phases } of looks) {
      expect(report).toMatchObject({ gateways, frozenCells: [], inhibited: 0 });
      // 0.2 % are in trouble all the time, and twice as many have been for a minute.
      expect(report.open).toBeGreaterThan(gateways / 1_000);
      expect(report.open).toBeLessThan(gateways / 100);
      expect(report.written).toBeLessThan(gateways / 200);
      expect(Object.keys(phases)).toEqual([...tickPhases]);
    }
  },
  testMs,
);

test(
  'a look that reads the news of the gateways alone comes to the same',
  async () => {
    const reportsOf = async (readsNews: boolean) =>
      (await measuredLooks({ gateways: 12_000, readsNews }, 3)).map(({ report }) => report);
    const reports = await reportsOf(true);
    expect(reports).toEqual(await reportsOf(false));
    // Somebody is lost and comes back meanwhile.
    expect(reports.some(({ written }) => written > 0)).toBe(true);
  },
  testMs,
);

test(
  'the look after midnight keeps the day that is over, and judges as every other does',
  async () => {
    const [look] = await measuredLooks({ gateways: 420, keepsDay: true }, 1);
    expect(look!.report).toMatchObject({ gateways: 420, frozenCells: [] });
    expect(look!.dayGateways).toBeGreaterThan(400);
  },
  testMs,
);

test(
  'a region that fails in every condition is told of in a few alerts, and its gateways’ own are held back',
  async () => {
    const [look] = await measuredLooks({ gateways: 420, stormShare: 0.3 }, 1);
    // 25 conditions that can be met at once, some by two volumes.
    expect(look!.report.open).toBeGreaterThan(20 * 0.3 * 420);
    expect(look!.report.inhibited).toBeGreaterThan(0);
  },
  testMs,
);
