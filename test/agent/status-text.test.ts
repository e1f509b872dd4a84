import { statusText } from '../../agent/cli/status-command.ts';
import type { AgentView } from '../../agent/control/agent-methods.ts';

test('what an agent does fits 80 columns, and nothing of it is cut', () => {
  const keyFingerprint = 'f0'.repeat(32);
  const problems = [
    'restoreBandwidth: windows that overlap are not allowed',
    'timeZone: such as Europe/Oslo',
  ];
  const view = {
    agentVersion: '0.1.0',
    bootId: 'b',
    pid: 1_234_567,
    gatewayId: 'gw-8c09f5cd3c94dda14112',
    tenantId: 'a-tenant-with-a-long-name',
    name: 'the gateway in the second cellar of the house in Oslo',
    key: { keyGeneration: 2, keyFingerprint },
    stateDir: '/var/lib/holdfast',
    connection: { connected: false, trouble: 'the proxy proxy.example.com:3128 did not answer within 15 s' },
    commands: { running: [], journalId: 'j' },
    spool: { count: 0, dropped: 0 },
    configuration: { version: 3, heartbeatIntervalMs: 60_000, refused: { version: 4, problems } },
    volumes: [],
  } as unknown as AgentView;
  const text = statusText(view, 80);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  const words = text.replaceAll(/\s+/g, ' ');
  for (const whole of [view.name, keyFingerprint, problems.join('; '), '15 s), trying now'])
    expect(words).toContain(whole);
});
