import { IdlePoll } from '../../../agent/nbd/idle-poll.ts';

/** A clock that a test moves, and the turns of an event loop that it takes one by one. */
function world() {
  let nowMs = 0;
  let turns: (() => void)[] = [];
  const poll = new IdlePoll(
    () => nowMs,
    (callback) => turns.push(callback),
  );
  return {
    poll,
    pass: (us: number) => void (nowMs += us / 1000),
    /** How many looks were waiting for this turn. */
    turn: (): number => {
      const due = turns;
      turns = [];
      for (const callback of due) callback();
      return due.length;
    },
  };
}

it('sleeps after a request that nothing had come before, or long before', () => {
  const { poll, pass, turn } = world();
  poll.answered(poll.arrived());
  expect(turn()).toBe(0);
  pass(1000);
  poll.answered(poll.arrived());
  expect(turn()).toBe(0);
});

it('stays awake for a client that is quick, and no longer than that', () => {
  const { poll, pass, turn } = world();
  poll.answered(poll.arrived());
  for (let request = 0; request < 5; request++) {
    pass(20);
    poll.answered(poll.arrived());
    // One look a turn, however many requests there were.
    expect(turn()).toBe(1);
  }
  pass(90);
  expect(turn()).toBe(1);
  pass(20);
  expect(turn()).toBe(1);
  expect(turn()).toBe(0);
  pass(1);
  poll.answered(poll.arrived());
  expect(turn()).toBe(1);
});
