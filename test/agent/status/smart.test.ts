import fc from 'fast-check';
import { diskStatusSchema } from '../../../core/status.ts';
import { parseSmartctl } from '../../../agent/status/smart.ts';
import { recordedText } from './recorded-host.ts';

const parsed = (name: string) => parseSmartctl(recordedText(`smartctl-${name}.json`));
const attribute = (id: number, value: number, string = String(value)) => ({
  ...{ id, name: `Attribute_${id}`, value: 100, raw: { value, string } },
});
const ofTable = (...table: object[]) =>
  parseSmartctl(JSON.stringify({ ata_smart_attributes: { table } }))?.smart;

describe('what a disk says about itself', () => {
  it('is read of a SATA disk that fails', () => {
    expect(parsed('ata-failing')).toEqual({
      smart: { isFailing: true, reallocatedSectors: 1975, pendingSectors: 8, offlineUncorrectable: 0 },
      temperatureC: 25,
    });
  });

  it('is read of a SATA disk that is well', () => {
    expect(parsed('ata')).toEqual({
      smart: { isFailing: false, reallocatedSectors: 0, pendingSectors: 0, offlineUncorrectable: 0 },
      temperatureC: 34,
    });
  });

  it('is read of NVMe, with its wear', () => {
    expect(parsed('nvme')).toEqual({
      smart: { isFailing: false, uncorrectableErrors: 7 },
      wear: 0.03,
      temperatureC: 35,
    });
  });

  it('is read of SAS, also where the temperature stands in the environmental report', () => {
    const smart = { isFailing: false, reallocatedSectors: 0, uncorrectableErrors: 0 };
    expect(parsed('sas')).toEqual({ smart, temperatureC: 27, temperatureLimitC: 85 });
    expect(parsed('sas-environment')).toEqual({ smart, temperatureC: 38 });
  });

  it.each([
    [{ temperature: { current: 40, op_limit_max: 60, drive_trip: 85 } }, 60],
    [{ temperature: { current: 40 }, scsi_temperature: { drive_trip: 65 } }, 65],
    [{ temperature: { current: 40, drive_trip: 0 } }, undefined],
    [{ temperature: { current: 40, op_limit_max: 25 } }, undefined],
  ])('has the limit of its temperature in %j: %p', (report, limitC) => {
    expect(parseSmartctl(JSON.stringify(report))?.temperatureLimitC).toBe(limitC);
  });

  it('is nothing of a disk that smartctl could not ask, and empty of one that has nothing to say', () => {
    expect(parsed('no-type')).toBeUndefined();
    expect(parseSmartctl('{"device":{"name":"/dev/sda"},"smartctl":{"exit_status":2}}')).toBeUndefined();
    expect(parseSmartctl('{"smart_support":{"available":false}}')).toEqual({});
  });

  it('takes the count out of what a vendor packs beside it', () => {
    expect(ofTable(attribute(188, 0x0001_0002_0003))).toEqual({ commandTimeouts: 3 });
    expect(ofTable(attribute(5, 0x0001_0000_0008, '8 (1 0)'))).toEqual({ reallocatedSectors: 8 });
    expect(ofTable(attribute(187, 4, 'hex'))).toEqual({ uncorrectableErrors: 4 });
  });

  it('takes the wear of a SATA disk from whatever its vendor calls it', () => {
    const table = [{ ...attribute(233, 0), name: 'Media_Wearout_Indicator', value: 88 }];
    expect(parseSmartctl(JSON.stringify({ ata_smart_attributes: { table } }))?.wear).toBe(0.12);
  });

  it('is never more than a heartbeat may hold, whatever is printed', () => {
    const report = fc.record(
      {
        smart_status: fc.record({ passed: fc.boolean() }),
        temperature: fc.record({ current: fc.double() }),
        nvme_smart_health_information_log: fc.record({
          percentage_used: fc.double(),
          media_errors: fc.double(),
        }),
        scsi_grown_defect_list: fc.oneof(fc.integer(), fc.double()),
        ata_smart_attributes: fc.record({
          table: fc.array(
            fc.record({
              id: fc.constantFrom(5, 187, 188, 197, 198),
              name: fc.constantFrom('x', 'SSD_Life_Left'),
              value: fc.double(),
              raw: fc.record({ value: fc.double(), string: fc.string() }),
            }),
          ),
        }),
      },
      { requiredKeys: [] },
    );
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      report.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const facts = parseSmartctl(text);
        expect(diskStatusSchema.safeParse({ name: 'sda', state: 'ok', ...facts }).success).toBe(true);
      }),
    );
  });
});
