import { arrayStatusSchema, diskStatusSchema } from '../../core/status.ts';
import { parseMdstat } from '../../agent/status/arrays.ts';
import { parseExposition } from '../../agent/status/exposition.ts';
import { parseMounts } from '../../agent/status/proc.ts';
import { parseSmartctl } from '../../agent/status/smart.ts';
import { recordedText } from '../agent/status/recorded-host.ts';
import { mustHold } from './must-hold.ts';
import type { FuzzTarget } from './targets.ts';

const recorded = (...names: string[]) => names.map((name) => Buffer.from(recordedText(name)));

/** What other programs, disks' firmware and the kernel write, and a heartbeat carries. None of it is refused. */
export const statusTargets: readonly FuzzTarget[] = [
  {
    name: 'smartctl',
    corpus: recorded('smartctl-ata-failing.json', 'smartctl-nvme.json', 'smartctl-sas-environment.json'),
    run: (bytes) => {
      const facts = parseSmartctl(bytes.toString());
      const status = diskStatusSchema.safeParse({ name: 'sda', state: 'ok', ...facts });
      mustHold(status.success, 'a disk that no heartbeat can carry');
    },
  },
  {
    name: 'mdstat',
    corpus: recorded('mdstat'),
    run: (bytes) => {
      const arrays = parseMdstat(bytes.toString());
      mustHold(arrays.length <= 64, 'too many arrays');
      for (const array of arrays)
        mustHold(arrayStatusSchema.safeParse(array).success, 'an array that no heartbeat can carry');
    },
  },
  {
    name: 'mountinfo',
    corpus: recorded('mountinfo'),
    run: (bytes) => {
      for (const { path, device } of parseMounts(bytes.toString()))
        mustHold(path !== '' && device !== '', 'a mount without a place');
    },
  },
  {
    name: 'metrics-file',
    corpus: [
      Buffer.from(
        '# TYPE gateway_cache_hit_ratio gauge\ngateway_cache_hit_ratio{pool="a\\"b"} 0.5 1795343911438\n',
      ),
    ],
    run: (bytes) => {
      const { samples } = parseExposition(bytes.toString());
      mustHold(samples.length <= 1_000, 'too many samples');
      for (const { name } of samples) mustHold(/^[a-zA-Z_:][\w:]*$/.test(name), 'a sample without a name');
    },
  },
];
