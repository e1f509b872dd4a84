import { BlockStates } from '../../../core/restore/block-states.ts';
import {
  decodeDescriptor,
  encodeDescriptor,
  sameIdentity,
  type Descriptor,
} from '../../../core/restore/descriptor.ts';
import { makeGeometry, segmentsOf, storedBytes, visibleBytes } from '../../../core/restore/geometry.ts';
import { decodeMark, encodeMark, makeMarkContext } from '../../../core/restore/mark.ts';
import { blockedChanges, planBatch } from '../../../core/restore/plan.ts';
import { childrenOf, makeTree, parentOf, pathTo } from '../../../core/restore/tree.ts';

const restore = {
  volumeId: 'vol-1',
  snapshotId: 'snap-1',
  restoreId: Uint8Array.from({ length: 16 }, (_, i) => i),
  markKey: Uint8Array.from({ length: 32 }, (_, i) => 255 - i),
};
const context = makeMarkContext(restore);

describe('tree', () => {
  for (const [n, k] of [
    [1, 2],
    [2, 2],
    [7, 2],
    [100, 3],
    [1000, 7],
    [31, 256],
  ] as const) {
    it(`gives each of ${n} blocks but the root one parent, which names it as child (arity ${k})`, () => {
      const tree = makeTree(n, k);
      const seen = new Set<number>([0]);
      for (let i = 0; i < n; i++) {
        const { start, end } = childrenOf(tree, i);
        for (let c = start; c < end; c++) {
          expect(seen.has(c)).toBe(false);
          seen.add(c);
          expect(parentOf(tree, c)).toBe(i);
          expect(c).toBeLessThan(n);
        }
      }
      expect(seen.size).toBe(n);
    });
  }

  it('walks from the root to a block', () => {
    expect(pathTo(makeTree(100, 2), 11)).toEqual([0, 2, 5, 11]);
    expect(pathTo(makeTree(100, 2), 0)).toEqual([0]);
  });

  it('refuses an arity below 2 and above the limit', () => {
    for (const arity of [1, 0, -1, 2.5, 257, NaN])
      expect(() => makeTree(10, arity)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    expect(() => makeTree(0, 2)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});

describe('mark', () => {
  it('has these 64 bytes', () => {
    const mark = encodeMark(context, 0x0102030405, 'tree');
    expect(Buffer.from(mark).toString('hex')).toBe(
      '484653544d41524b0101000000000000000102030405060708090a0b0c0d0e0f' +
        '05040302010000000e9755f53d7d4a6a79687893dd5fdec89bf85ab983449ec2',
    );
  });

  it('is read back with its kind', () => {
    expect(decodeMark(context, 9, encodeMark(context, 9, 'tree'))).toBe('tree');
    expect(decodeMark(context, 9, encodeMark(context, 9, 'pass'))).toBe('pass');
  });

  it('is none for another block, another restore, other bytes', () => {
    const mark = encodeMark(context, 9, 'tree');
    expect(decodeMark(context, 8, mark)).toBe('none');
    expect(decodeMark({ ...context, restoreId: new Uint8Array(16) }, 9, mark)).toBe('none');
    expect(decodeMark(context, 9, new Uint8Array(64))).toBe('none');
  });

  it('is damaged, and never taken for restored, where its id is right and its hash is not', () => {
    for (const at of [8, 9, 10, 40, 63]) {
      const mark = encodeMark(context, 9, 'tree');
      mark[at] = (mark[at] ?? 0) ^ 1;
      expect(decodeMark(context, 9, mark)).toBe('damaged');
    }
    const mark = encodeMark(context, 9, 'tree');
    for (const other of [{ markKey: new Uint8Array(32) }, { volumeId: 'vol-2' }, { snapshotId: 'snap-2' }])
      expect(decodeMark(makeMarkContext({ ...restore, ...other }), 9, mark)).toBe('damaged');
  });
});

describe('descriptor', () => {
  const descriptor: Descriptor = {
    frozen: {
      volumeId: 'vol-1',
      path: '/srv/vol-1.img',
      identity: { kind: 'file', inode: '12', bornAtNs: '345' },
      snapshotId: 'snap-1',
      rootHash: 'ab'.repeat(32),
      snapshotBytes: 10_000,
      volumeBytes: 12_288,
      blockBytes: 4096,
      blockCount: 3,
      arity: 2,
      restoreId: '01'.repeat(16),
      markKey: '02'.repeat(32),
    },
    moving: { phase: 'restoring', cursor: 2, paused: false },
  };

  it('survives its file', () => {
    expect(decodeDescriptor(encodeDescriptor(descriptor), 'd')).toEqual(descriptor);
  });

  it('is refused by name when a byte of it is wrong', () => {
    const text = encodeDescriptor(descriptor);
    for (const bad of [
      '',
      '{}',
      text.slice(0, -5),
      text.replace('"cursor":2', '"cursor":1'),
      encodeDescriptor({ ...descriptor, moving: { ...descriptor.moving, cursor: 4 } }),
      encodeDescriptor({ ...descriptor, frozen: { ...descriptor.frozen, blockCount: 4 } }),
    ])
      expect(() => decodeDescriptor(bad, '/state/d.json')).toThrow(
        expect.objectContaining({ code: 'CORRUPT', message: expect.stringContaining('/state/d.json') }),
      );
  });

  it('tells one target from another', () => {
    const file = { kind: 'file', inode: '1', bornAtNs: '2' } as const;
    const device = { kind: 'device', serial: 's', sizeBytes: 4 } as const;
    expect(sameIdentity(file, { ...file })).toBe(true);
    expect(sameIdentity(file, { ...file, bornAtNs: '3' })).toBe(false);
    expect(sameIdentity(device, { ...device, serial: 't' })).toBe(false);
    expect(sameIdentity(file, device)).toBe(false);
  });
});

describe('geometry', () => {
  const geometry = makeGeometry({ volumeBytes: 9000, snapshotBytes: 9000, blockBytes: 8192, arity: 2 });

  it('pads the last block on the disk and never shows the padding', () => {
    expect([geometry.diskBytes, visibleBytes(geometry, 1), storedBytes(geometry, 1)]).toEqual([
      12_288, 808, 4096,
    ]);
  });

  it('cuts a request at block borders', () => {
    expect([...segmentsOf(geometry, 8000, 1000)]).toEqual([
      { block: 0, offset: 8000, length: 192, requestOffset: 0 },
      { block: 1, offset: 0, length: 808, requestOffset: 192 },
    ]);
  });

  it('refuses a volume that is smaller than the snapshot', () => {
    expect(() => makeGeometry({ volumeBytes: 1, snapshotBytes: 2, blockBytes: 4096, arity: 2 })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
  });
});

describe('batch plan', () => {
  const tree = makeTree(15, 2);

  it('passes the ancestors of a cold block and marks the children of all of them', () => {
    const states = new BlockStates(15, 0);
    states.set(0, 'tree');
    expect(planBatch(tree, (i) => states.get(i), [4])).toEqual({
      changes: [
        { block: 0, to: 'pass', ownMark: 'tree', marksChildren: true },
        { block: 1, to: 'pass', ownMark: 'tree', marksChildren: true },
        { block: 4, to: 'restored', ownMark: 'tree', marksChildren: true },
      ],
      treeMarks: [1, 2, 3, 9, 10],
    });
  });

  it('never marks the children of a passed block again', () => {
    const states = new BlockStates(15, 0);
    states.set(0, 'pass');
    states.set(1, 'restored');
    states.set(2, 'tree');
    const plan = planBatch(tree, (i) => states.get(i), [0]);
    expect(plan).toEqual({
      changes: [{ block: 0, to: 'restored', ownMark: 'pass', marksChildren: false }],
      treeMarks: [],
    });
  });

  it('lets a parent and its child share a batch', () => {
    const states = new BlockStates(15, 0);
    states.set(0, 'tree');
    const plan = planBatch(tree, (i) => states.get(i), [1, 0]);
    expect(plan.changes.map((change) => [change.block, change.to])).toEqual([
      [0, 'restored'],
      [1, 'restored'],
    ]);
    expect(plan.treeMarks).toEqual([2, 3, 4]);
  });

  it('keeps a parent unrestored when the mark of a child could not be written, and all that is below it', () => {
    const states = new BlockStates(15, 0);
    states.set(0, 'pass');
    states.set(1, 'tree');
    states.set(2, 'tree');
    const plan = planBatch(tree, (i) => states.get(i), [9, 2]);
    const blocked = blockedChanges(tree, plan, new Map([[3, new Error('disk')]]));
    expect([...blocked.keys()].sort((a, b) => a - b)).toEqual([1, 4, 9]);
  });
});

describe('block states', () => {
  it('counts what is restored and moves its low end over it', () => {
    const states = new BlockStates(40_000, 5);
    expect([states.get(4), states.get(5), states.restoredCount]).toEqual(['restored', 'unknown', 5]);
    for (let i = 5; i < 20_000; i++) states.set(i, 'restored');
    states.set(30_000, 'restored');
    expect([states.advanceLow(), states.restoredCount, states.get(17)]).toEqual([20_000, 20_001, 'restored']);
  });
});
