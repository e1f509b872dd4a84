import { textTable } from '../../core/text-table.ts';

test('columns are as wide as what stands in them', () => {
  expect(
    textTable(
      ['ID', 'NAME'],
      [
        ['1', 'a'],
        ['200', '網'],
      ],
      { width: 80 },
    ),
  ).toBe(['ID   NAME', '1    a', '200  網'].join('\n'));
});

test('text of two columns a character takes two', () => {
  expect(
    textTable(
      ['A', 'B'],
      [
        ['網', 'x'],
        ['ab', 'y'],
      ],
      { width: 80 },
    ),
  ).toBe('A   B\n網  x\nab  y');
});

test('the last column goes below its row where it does not fit, wrapped, and nothing is cut', () => {
  const rows = [
    ['1', 'one two three four'],
    ['2', '-'],
    ['3', 'x'.repeat(30)],
  ];
  expect(textTable(['ID', 'TEXT'], rows, { width: 15 })).toBe(
    ['ID', '1', '  one two three', '  four', '2', '3', `  ${'x'.repeat(30)}`].join('\n'),
  );
});

test('details stand below their row, and what others wrote makes no line of its own', () => {
  expect(textTable(['A'], [['1'], ['2\n']], { width: 20, details: ['why\u001b[2J', undefined] })).toBe(
    ['A', '1', '  why\\u001b[2J', '2\\u000a'].join('\n'),
  );
});
