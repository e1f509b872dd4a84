import { createStatusCollector } from '../../../agent/status/collector.ts';
import {
  renderPrometheus,
  servePrometheus,
  type PrometheusEndpoint,
} from '../../../agent/status/prometheus.ts';
import { metricAbout } from '../../../agent/status/metrics.ts';
import { productMetricAbout } from '../../../agent/status/product-metrics.ts';
import { seriesOf } from '../../../agent/status/prometheus-series.ts';
import { parseSmartctl } from '../../../agent/status/smart.ts';
import { describeWithClients, runClient } from '../../support/clients.ts';
import { recordedHost, recordedText, versions } from './recorded-host.ts';

describe('Prometheus exposition', () => {
  let endpoint: PrometheusEndpoint | undefined;
  afterEach(() => endpoint?.close());

  it('renders names, help, labels and numbers as the format asks', () => {
    const text = renderPrometheus([
      { name: 'a.b-c', help: 'one\nline', type: 'gauge', samples: [{ value: 0.5 }] },
      {
        name: 'fs',
        help: 'two',
        type: 'counter',
        samples: [
          { labels: { mountpoint: 'a"b\\c\nd', x: 'y' }, value: 1e21 },
          { labels: { x: 'z' }, value: Infinity },
        ],
      },
    ]);
    expect(text).toBe(
      '# HELP a_b_c one\\nline\n# TYPE a_b_c gauge\na_b_c 0.5\n' +
        '# HELP fs two\n# TYPE fs counter\nfs{mountpoint="a\\"b\\\\c\\nd",x="y"} 1e+21\nfs{x="z"} +Inf\n',
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
    expect(text).toContain('\ngateway_host_uptime_seconds 2535.3\n');
    expect(text).toContain('\ngateway_host_oom_kills_total 3\n');
    expect(text).toContain('gateway_disk_temperature_celsius{device="sda"} 31\n');
    expect(text).toContain(`gateway_status_timestamp_seconds ${host.at / 1000}\n`);
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

describeWithClients(['promtool'], 'Prometheus’ own check', () => {
  it('finds nothing to say about a gateway on which everything is known', async () => {
    const host = recordedHost();
    host.texts['/proc/mdstat'] = recordedText('mdstat');
    host.folders['/sys/devices/system/edac/mc'] = ['mc0'];
    host.texts['/sys/devices/system/edac/mc/mc0/ue_count'] = '1\n';
    const smart = {
      refresh: () => undefined,
      of: () => parseSmartctl(recordedText('smartctl-nvme.json')),
      isAnswered: true,
    };
    const collector = createStatusCollector({ host, versions, bootId: 'b', agentStartedAt: host.at, smart });
    const names = [...productMetricAbout.keys()];
    const parts = {
      volumes: [{ volumeId: 'v"1\\\n', state: 'failed' as const, sizeBytes: 5 }],
      metrics: Object.fromEntries(names.map((name) => [name, 0.5])),
      ...{ expiries: { certificateAt: host.at }, starts: {}, droppedHeartbeats: 1 },
    };
    await collector.heartbeat(parts);
    host.at += 300_000;
    host.texts['/proc/stat'] = 'cpu  1333 10 590 8412 500 0 200 0 50 0\n';
    await collector.heartbeat(parts);
    const text = renderPrometheus(seriesOf(collector.latest()));
    const exposed = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    for (const name of [...names, ...metricAbout.keys()].filter((known) => known !== 'system.network.errors'))
      expect([...exposed].some((one) => one!.startsWith(name.replaceAll('.', '_')))).toBe(true);
    expect(await runClient('promtool', ['check', 'metrics'], { input: text })).toEqual({
      ...{ code: 0, stdout: '', stderr: '' },
    });
  });
});
