import { createStatusCollector } from '../../../agent/status/collector.ts';
import {
  renderPrometheus,
  servePrometheus,
  type PrometheusEndpoint,
} from '../../../agent/status/prometheus.ts';
import { recordedHost, versions } from './recorded-host.ts';

describe('Prometheus exposition', () => {
  let endpoint: PrometheusEndpoint | undefined;
  afterEach(() => endpoint?.close());

  it('renders names, help, labels and numbers as the format asks', () => {
    const text = renderPrometheus([
      { name: 'a.b-c', help: 'one\nline', type: 'gauge', samples: [{ value: 0.5 }] },
      {
        name: 'fs',
        type: 'counter',
        samples: [
          { labels: { mountpoint: 'a"b\\c\nd', x: 'y' }, value: 1e21 },
          { labels: { x: 'z' }, value: Infinity },
        ],
      },
    ]);
    expect(text).toBe(
      '# HELP a_b_c one\\nline\n# TYPE a_b_c gauge\na_b_c 0.5\n' +
        '# TYPE fs counter\nfs{mountpoint="a\\"b\\\\c\\nd",x="y"} 1e+21\nfs{x="z"} +Inf\n',
    );
  });

  it('serves the last heartbeat on loopback, uncut, and nothing else', async () => {
    const host = recordedHost();
    const collector = createStatusCollector({ host, versions, bootId: 'b', agentStartedAt: host.at });
    endpoint = await servePrometheus({ port: 0, collector });
    expect(endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(await (await fetch(endpoint.url)).text()).toBe('');
    await collector.heartbeat({ volumes: [{ volumeId: 'v"1', state: 'failed', sizeBytes: 5 }] });
    const response = await fetch(endpoint.url);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const text = await response.text();
    expect(text).toContain('\nsystem_memory_utilization 0.25\n');
    expect(text).toContain('# HELP system_memory_utilization Memory');
    expect(text).toContain('system_filesystem_free_bytes{mountpoint="/"} 1843200\n');
    expect(text).toContain('system_disk_reads_total{device="nvme0n1"} 1000\n');
    expect(text).toContain('gateway_volume_healthy{volume="v\\"1"} 0\n');
    expect(text).not.toContain('loop0');
    expect((await fetch(endpoint.url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(endpoint.url, { method: 'POST', body: 'x' })).status).toBe(404);
    await expect(
      servePrometheus({ port: Number(new URL(endpoint.url).port), collector }),
    ).rejects.toMatchObject({
      code: 'BUSY',
    });
  });
});
