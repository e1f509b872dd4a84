import { postable } from '../../../core/commands/lanes.ts';
import type { CommandItem, CommandState } from '../../../core/model.ts';

const item = (
  openSeq: number,
  lane: string,
  state: CommandState = 'QUEUED',
  more: Partial<CommandItem> = {},
) =>
  ({
    commandId: `c${openSeq}`,
    openSeq,
    lane,
    state,
    expiresAt: 100,
    sentEpoch: 5,
    claimUntil: 50,
    ...more,
  }) as CommandItem;
const ready = (open: CommandItem[], epoch = 5, countMax = 20) =>
  postable(open, { epoch, at: 10, countMax }).map(({ commandId }) => commandId);

describe('a lane', () => {
  it('posts the first command and holds the ones behind it until it is ACKED', () => {
    expect(ready([item(2, 'a'), item(1, 'a')])).toEqual(['c1']);
    expect(ready([item(1, 'a', 'SENT'), item(2, 'a')])).toEqual([]);
    expect(ready([item(1, 'a', 'ACKED'), item(2, 'a')])).toEqual(['c2']);
    expect(ready([item(1, 'a', 'RUNNING'), item(2, 'a'), item(3, 'a')])).toEqual(['c2']);
  });

  it('does not wait for another lane', () => {
    expect(ready([item(1, 'a'), item(2, 'b'), item(3, 'a'), item(4, 'c')])).toEqual(['c1', 'c2', 'c4']);
  });

  it('posts a SENT command again to a newer connection', () => {
    expect(ready([item(1, 'a', 'SENT'), item(2, 'a')], 6)).toEqual(['c1']);
  });

  it('keeps a batch within its bound, oldest first', () => {
    expect(ready([item(3, 'c'), item(1, 'a'), item(2, 'b')], 5, 2)).toEqual(['c1', 'c2']);
  });
});
