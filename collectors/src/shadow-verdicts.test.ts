import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LOGS } from './otlp/signal.js';
import { shadowVerdicts } from './shadow-verdicts.js';
import { logRecord, logsRequest, SOURCE } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';
import { OtlpClient, RunningCollector } from './testing/running-collector.js';

jest.setTimeout(60_000);

const STAGED = '0123456789ab';
const OTHER = 'ba9876543210';

/** The records of one request: what the caller's and what the callee's sidecar say. */
function records(
  id: string,
  { source, destination }: { readonly source?: string; readonly destination?: string },
  edge = `trips->fare@9f3ac2d1@${STAGED}`,
) {
  const denied = source?.startsWith('denied') ? { operation: 'denied' } : {};
  return [
    ...(source === undefined
      ? []
      : [logRecord({ ...SOURCE, ...denied, request_id: id, shadow: source })]),
    ...(destination === undefined
      ? []
      : [
          logRecord({
            ...SOURCE,
            reporter: 'destination',
            caller: 'spiffe://mesh.test/service/trips',
            instance: 'fare-1',
            request_id: id,
            edge,
            shadow: destination,
          }),
        ]),
  ];
}

const allowedThen = { destination: `allowed allowed trips->fare@aa@${STAGED}` };

describe('verdicts of a staged revision', () => {
  let directory = '';
  let clickhouse: RunningClickHouse;
  let collector: RunningCollector;
  let client: OtlpClient;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'collectors-'));
    clickhouse = await RunningClickHouse.start();
    collector = await RunningCollector.start({
      CLICKHOUSE_URL: clickhouse.url,
      OTLP_PLAINTEXT: 'true',
      SPOOL_DIRECTORY: directory,
    });
    await collector.healthy();
    client = new OtlpClient(`127.0.0.1:${collector.ports.grpc}`);
  });

  afterAll(async () => {
    client?.close();
    await collector?.stop();
    await clickhouse?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('are one for each request, whoever reported it, and the same when it is reported again', async () => {
    const estimate = `${STAGED} fare.estimate`;
    const all = [
      [
        'both deny it then',
        { source: `allowed denied ${estimate}`, destination: 'allowed denied -' },
      ],
      ['the callee was away', { source: `allowed denied ${estimate}` }],
      ['past the caller', { destination: 'allowed denied -' }],
      [
        'the callee alone would',
        { source: `allowed allowed ${estimate}`, destination: 'allowed denied -' },
      ],
      ['the caller alone would', { source: `allowed denied ${estimate}`, ...allowedThen }],
      ['stays allowed', { source: `allowed allowed ${estimate}`, ...allowedThen }],
      ['would be let out', { source: `denied allowed ${STAGED} fare.cancel` }],
      ['would be let in', { destination: `denied allowed trips->fare@aa@${STAGED}` }],
      ['stays denied', { source: `denied denied ${STAGED} -` }],
      ['of another revision', { source: `allowed denied ${OTHER} fare.estimate` }],
      ['not judged at the caller', { source: '-', destination: 'allowed - -' }],
      ['nonsense', { source: 'allowed denied <script> x', destination: 'allowed perhaps -' }],
    ] as const;
    const made = all.flatMap(([id, said]) => records(id, said));
    const retried = records('both deny it then', { destination: 'allowed denied -' });
    const bytes = logsRequest([...made, ...retried]);
    await client.send(LOGS, bytes);
    await client.send(LOGS, bytes);
    const found = await shadowVerdicts(clickhouse.client, STAGED, Date.now() - 60_000);
    expect(found.map(({ lastMs: _, ...counts }) => counts)).toEqual([
      {
        ...{ caller: 'trips', callee: 'fare', operation: 'fare.estimate' },
        ...{ requests: 7, wouldBeDenied: 5, wouldBeAllowed: 1, notJudged: 0 },
      },
      {
        ...{ caller: 'trips', callee: 'fare', operation: 'fare.cancel' },
        ...{ requests: 1, wouldBeDenied: 0, wouldBeAllowed: 1, notJudged: 0 },
      },
      {
        ...{ caller: 'trips', callee: 'fare', operation: 'denied' },
        ...{ requests: 1, wouldBeDenied: 0, wouldBeAllowed: 0, notJudged: 0 },
      },
    ]);
    expect(found[0]?.lastMs).toBeGreaterThan(Date.now() - 30_000);
    // Nothing of it changes what is said about the requests themselves.
    expect(
      await clickhouse.row(`SELECT count() AS rows, any(edge) AS edge, any(edge_revision) AS revision
        FROM dotline.access_log WHERE request_id = 'past the caller'`),
    ).toEqual({ rows: 1, edge: 'trips->fare', revision: '9f3ac2d1' });
    expect(await shadowVerdicts(clickhouse.client, STAGED, Date.now() + 60_000)).toEqual([]);
    expect(await shadowVerdicts(clickhouse.client, OTHER, 0)).toHaveLength(1);
  });

  it('of rules about single requests are of the same request as those of sidecars', async () => {
    const staged = 'aaaabbbbcccc';
    const judged = (request_id: string, verdict: string, source?: string) => [
      ...records(
        request_id,
        source === undefined ? {} : { source: `${source} ${staged} fare.get` },
      ),
      logRecord({
        ...{ caller: 'trips', callee: 'fare', request_id },
        shadow: `${verdict} ${staged} fare.get`,
      }),
    ];
    const all = [
      ...judged('allowed, and would be', 'allowed allowed'),
      ...judged('refused, and would be allowed', 'denied allowed'),
      ...judged('allowed, and would be refused', 'allowed denied', 'allowed allowed'),
      ...judged('both would refuse it', 'allowed denied', 'allowed denied'),
      ...judged('nobody could say', 'allowed unknown'),
      ...judged('nobody could say, but the caller', 'denied unknown', 'allowed denied'),
      ...judged('nonsense', 'allowed perhaps'),
    ];
    await client.send(LOGS, logsRequest(all));
    const found = await shadowVerdicts(clickhouse.client, staged, Date.now() - 60_000);
    expect(found.map(({ lastMs: _, ...counts }) => counts)).toEqual([
      {
        ...{ caller: 'trips', callee: 'fare', operation: 'fare.get' },
        ...{ requests: 6, wouldBeDenied: 2, wouldBeAllowed: 1, notJudged: 1 },
      },
    ]);
  });
});
