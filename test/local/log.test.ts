import { functionLine, jsonLog, prettyLog, type LogRecord } from '../../local/log.ts';

const source = 'holdfast-home/holdfast-home-StatusProxyFunction5EB2E221-ulrii7acaeem';
const said = JSON.stringify({
  at: '2026-11-26T03:38:33.658Z',
  level: 'info',
  event: 'proxy.tick',
  function: 'holdfast-home-StatusProxyFunction5EB2E221-ulrii7acaeem',
  gateways: 2,
});
const record = functionLine(source, said, 'r-1', new Date('2026-11-26T03:38:33.666Z'));

function pretty(given: LogRecord): string {
  let text = '';
  prettyLog((line) => void (text += line), false)(given);
  return text;
}

test('a pretty line has one time and a name that people gave', () => {
  expect(pretty(record)).toBe('03:38:33.666 info  holdfast-home/StatusProxy proxy.tick gateways=2\n');
});

test.each(['holdfast-home', 'holdfast-home/gateway', 'home/other-home-XFunction5EB2E221'])(
  '%s stays as it is',
  (name) => {
    expect(pretty({ ...record, source: name })).toContain(` ${name} proxy.tick`);
  },
);

test('a JSON line has everything', () => {
  let text = '';
  jsonLog((line) => void (text += line))(record);
  expect(JSON.parse(text)).toMatchObject({ source, requestId: 'r-1', at: '2026-11-26T03:38:33.658Z' });
});
