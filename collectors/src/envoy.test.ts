import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { counted, countsOf } from './testing/counts.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';
import { RunningCollector } from './testing/running-collector.js';
import { RunningEnvoy } from './testing/running-envoy.js';

jest.setTimeout(60_000);

describe('a real Envoy that logs to the collector', () => {
  let directory = '';
  let clickhouse: RunningClickHouse;
  let collector: RunningCollector;
  let envoy: RunningEnvoy;

  const startCollector = (ports?: RunningCollector['ports']) =>
    RunningCollector.start(
      { CLICKHOUSE_URL: clickhouse.url, OTLP_PLAINTEXT: 'true', SPOOL_DIRECTORY: directory },
      ports,
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'collectors-'));
    clickhouse = await RunningClickHouse.start();
    collector = await startCollector();
    await collector.healthy();
    envoy = await RunningEnvoy.start(collector.ports.grpc, 'real');
  });

  afterAll(async () => {
    await envoy.stop();
    await collector.stop();
    await clickhouse.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('loses and doubles nothing while the collector is killed and away for two seconds', async () => {
    let loading = true;
    let sent = 0;
    const load = (async () => {
      while (loading) {
        await Promise.all(Array.from({ length: 5 }, () => fetch(`${envoy.url}/v1/things/1`)));
        sent += 5;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await pause(1_000);
    await collector.kill();
    await pause(2_000);
    collector = await startCollector(collector.ports);
    await pause(1_000);
    loading = false;
    await load;

    // Envoy's own count, of which a few are the probes of its start.
    const requests = await envoy.counter('http.requests.downstream_rq_completed');
    expect(requests).toBeGreaterThanOrEqual(sent);
    for (let attempt = 0; attempt < 200; attempt += 1) {
      // The raw rows can be seen a little before the rollups' are written.
      const pending = await collector.metric('dotline_collector_pending_requests');
      if (pending === 0 && (await countsOf(clickhouse, 'real')).raw >= requests) break;
      await pause(100);
    }
    expect(await countsOf(clickhouse, 'real')).toEqual(counted(requests));
    expect(
      await clickhouse.row(`SELECT uniqExact(request_id) AS ids, any(operation) AS operation
        FROM dotline.access_log WHERE path = '/v1/things/1'`),
    ).toEqual({ ids: sent, operation: 'envoy.answer' });
  });
});
