import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSmartReader, smartctl } from '../../../agent/status/smart-reader.ts';
import { describeWithClients } from '../../support/clients.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { recordedText } from './recorded-host.ts';

const minutes = 60_000;
const failing = recordedText('smartctl-ata-failing.json');
const settled = () => new Promise(setImmediate);

/** A reader whose disks answer what the test says. */
function world(answers: Record<string, string | undefined>) {
  const at = { now: 0 };
  const asked: string[] = [];
  const reader = createSmartReader({
    now: () => at.now,
    ask: (name) => {
      asked.push(name);
      return Promise.resolve(answers[name]);
    },
  });
  const look = async (...names: string[]) => {
    reader.refresh(names);
    await settled();
  };
  return { at, asked, reader, look, answers };
}

describe('disks are asked for their health', () => {
  it('every half hour, however often somebody looks', async () => {
    const { at, asked, look } = world({ sda: failing });
    for (; at.now < 60 * minutes; at.now += minutes) await look('sda');
    expect(asked).toEqual(['sda', 'sda']);
  });

  it('when they come, and forgotten when they go', async () => {
    const { at, asked, reader, look } = world({ sda: failing, sdb: failing });
    await look('sda');
    at.now += minutes;
    await look('sda', 'sdb');
    expect(asked).toEqual(['sda', 'sdb']);
    expect(reader.of('sda')).toMatchObject({ smart: { isFailing: true } });
    at.now += 30 * minutes;
    await look('sdb');
    expect(reader.of('sda')).toBeUndefined();
  });

  it('one after the other, and never a second time while one does not answer', async () => {
    const asked: string[] = [];
    const { promise, resolve } = Promise.withResolvers<string>();
    const at = { now: 0 };
    const ask = (name: string) => (asked.push(name), promise);
    const reader = createSmartReader({ now: () => at.now, ask });
    reader.refresh(['sda', 'sdb']);
    await settled();
    at.now += 90 * minutes;
    reader.refresh(['sda', 'sdb']);
    await settled();
    expect(asked).toEqual(['sda']);
    resolve(failing);
    await settled();
    expect(asked).toEqual(['sda', 'sdb']);
  });

  it('and what a disk said holds while it sleeps', async () => {
    const { at, answers, reader, look } = world({ sda: failing });
    await look('sda');
    answers['sda'] = '{"smartctl":{"exit_status":2},"device":{"name":"/dev/sda"}}';
    at.now += 31 * minutes;
    await look('sda');
    expect(reader.of('sda')).toMatchObject({ smart: { reallocatedSectors: 1975 } });
  });

  it.each([
    ['there is no smartctl', undefined],
    ['nobody has the right to', '{"smartctl":{"messages":[{"string":"Permission denied"}],"exit_status":2}}'],
  ])('in vain where %s', async (_what, answer) => {
    const { reader, look, answers } = world({ sda: answer });
    await look('sda');
    expect(reader.isAnswered).toBe(false);
    answers['sdb'] = failing;
    await look('sdb');
    expect(reader.isAnswered).toBe(true);
  });
});

describe('a program in the place of smartctl', () => {
  const program = join(temporaryDirectory(), 'smartctl');
  const run = (script: string, limits: { answerMs?: number } = {}) => {
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    return smartctl({ paths: [program], ...limits })('sda');
  };

  it('is told to leave a disk asleep, and may end with any code', async () => {
    expect(await run('echo "$@"; exit 216')).toBe('--json=c -n standby -i -H -A -l error /dev/sda\n');
  });

  it('that prints without end is ended', async () => {
    expect(await run('exec yes')).toBeUndefined();
  });

  it('that says nothing is ended', async () => {
    expect(await run('exec sleep 100', { answerMs: 50 })).toBeUndefined();
  });

  it('is started for nothing that is no disk', async () => {
    const ask = smartctl({ paths: [program] });
    for (const name of ['', '../sda', 'sda; reboot', '--scan', 'loop0'])
      expect(await ask(name)).toBeUndefined();
  });
});

describeWithClients(['smartctl'], 'the real smartctl', () => {
  it('answers in JSON, also about a disk that is not there', async () => {
    const answer = await smartctl()('sdzz');
    expect(JSON.parse(answer!)).toMatchObject({ smartctl: { exit_status: expect.any(Number) } });
  });
});
