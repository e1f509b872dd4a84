import type { ScenarioText } from './scenario.ts';

/**
 * What `npm run simulate:fleet` simulates without a file: a fleet like a provider's, with everything in it that looks
 * like a pattern and is none, and six faults whose values the seed draws.
 *
 * Power: an American customer loses it 1.4 times a year, for some two hours (EIA, Electric Power Annual). How often
 * uplinks and ISPs fail is a guess. Rates of conditions: a thirtieth to a third of what the goals allow as a base.
 */
export const defaultScenario: ScenarioText = {
  attributes: [
    { name: 'region', generated: { count: 6, skew: 0.7 }, ofCustomer: 0.95 },
    { name: 'cell', generated: { count: 12, skew: 0 }, follows: { attribute: 'region', strength: 1 } },
    {
      name: 'isp',
      generated: { count: 60, skew: 0.8 },
      follows: { attribute: 'region', strength: 0.95 },
      ofCustomer: 0.85,
    },
    { name: 'wave', values: { canary: 1, early: 9, main: 60, late: 30 }, ofCustomer: 0.97 },
    {
      name: 'version',
      values: { '7.3.0': 8, '7.2.4': 60, '7.2.3': 20, '7.1.9': 9, '6.9.2': 3 },
      follows: { attribute: 'wave', strength: 0.5 },
      ofCustomer: 0.95,
      ofSite: 0.97,
    },
    { name: 'kernel', generated: { count: 5, skew: 0 }, follows: { attribute: 'version', strength: 0.9 } },
    {
      name: 'hypervisor',
      values: { esxi: 50, kvm: 30, hyperv: 15, ahv: 5 },
      ofCustomer: 0.97,
      carriedShare: 0.8,
    },
    { name: 'hardware', generated: { count: 8, skew: 0.8 }, ofCustomer: 0.8, ofSite: 0.9 },
    {
      name: 'diskModel',
      generated: { count: 15, skew: 0.6 },
      follows: { attribute: 'hardware', strength: 0.7 },
      ofCustomer: 0.7,
      ofSite: 0.85,
    },
    {
      name: 'diskFirmware',
      generated: { count: 30, skew: 0.3 },
      follows: { attribute: 'diskModel', strength: 1 },
      ofCustomer: 0.7,
      ofSite: 0.85,
    },
    { name: 'tls', values: { '1.3': { share: 0.97 }, '1.2': 1 }, ofCustomer: 0.99 },
  ],
  conditions: [
    { name: 'Offline', basePerWindow: 0.0001, isSilent: true, clearsAfterWindows: 1 },
    { name: 'PacketLoss', basePerWindow: 0.0003, clearsAfterWindows: 2 },
    { name: 'UploadStalled', basePerWindow: 0.0002, clearsAfterWindows: 2 },
    { name: 'BlockLatency', basePerWindow: 0.0003 },
    { name: 'RestartLoop', basePerWindow: 0.00003 },
    { name: 'SnapshotFailed', basePerWindow: 0.0002 },
  ],
  hardware: {
    modelAttribute: 'diskModel',
    modelFactors: { 'diskModel-4': 4, 'diskModel-9': 3, 'diskModel-12': 0.5 },
  },
  chronic: [
    { attribute: 'isp', value: 'isp-5', conditions: ['PacketLoss', 'UploadStalled'], factor: 6 },
    { attribute: 'hardware', value: 'hardware-3', conditions: ['BlockLatency'], factor: 4 },
    { attribute: 'version', value: '6.9.2', conditions: ['SnapshotFailed'], factor: 5 },
  ],
  outages: [
    { domain: 'site', perYear: 1.4, minutes: 120, conditions: ['Offline'] },
    { domain: 'customer', perYear: 2, minutes: 45, share: 0.95, conditions: ['Offline'] },
    { domain: 'customer', perYear: 4, minutes: 60, share: 0.8, conditions: ['PacketLoss', 'UploadStalled'] },
    { domain: 'isp', perYear: 2, minutes: 60, share: 0.7, conditions: ['Offline'] },
  ],
  bursts: [{ startHour: 12, endHour: 13, added: 0.01, conditions: ['UploadStalled'] }],
  faults: [
    {
      id: 'release',
      startHour: 1,
      endHour: 6,
      cause: [{ attribute: 'version' }],
      added: 0.05,
      conditions: ['RestartLoop'],
    },
    {
      id: 'firmware',
      startHour: 3,
      endHour: 9,
      cause: [{ attribute: 'diskFirmware' }],
      added: 0.05,
      conditions: ['BlockLatency'],
    },
    {
      id: 'hypervisor',
      startHour: 7,
      endHour: 13,
      cause: [{ attribute: 'hypervisor' }],
      added: 0.02,
      conditions: ['SnapshotFailed'],
    },
    {
      id: 'hardware',
      startHour: 10,
      endHour: 16,
      cause: [{ attribute: 'hardware' }],
      added: 0.02,
      conditions: ['PacketLoss'],
    },
    {
      id: 'cell',
      startHour: 14,
      endHour: 16,
      cause: [{ attribute: 'cell' }],
      added: 0.05,
      conditions: ['UploadStalled'],
    },
    {
      id: 'pair',
      startHour: 17,
      endHour: 23,
      cause: [{ attribute: 'version' }, { attribute: 'diskModel' }],
      added: 0.05,
      conditions: ['SnapshotFailed'],
    },
  ],
};
