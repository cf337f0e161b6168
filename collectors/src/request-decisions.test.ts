import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { insertOnce } from './clickhouse/table-writer.js';
import { deniedAttempts } from './denied-attempts.js';
import { LOGS } from './otlp/signal.js';
import type { Peer } from './peer/peer.js';
import { operationDecisions, requestDecisions } from './request-decisions.js';
import { migrate } from './schema/migrate.js';
import { logRecord, logsRequest, SOURCE } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';

jest.setTimeout(30_000);

const AUTHORIZER: Peer = { kind: 'service', id: 'spiffe://a', service: 'dotline-authorizer' };
const PROFILE: Peer = { kind: 'service', id: 'spiffe://b', service: 'profile' };
const DECISION = {
  decision: 'allowed',
  fail: 'closed',
  reason: 'Riders read their own profile',
  team: 'identity',
  rule: 'policies/teams/identity/requests.rego:13',
  caller: 'app',
  callee: 'profile',
  operation: 'profile.get',
  policy: 'ab'.repeat(32),
  revision: '0123456789ab',
  latency_us: '420',
  trace_id: '0af7651916cd43dd8448eb211c80319c',
};

let clickhouse: RunningClickHouse;

beforeAll(async () => {
  clickhouse = await RunningClickHouse.start();
  await migrate(clickhouse.client);
});

afterAll(() => clickhouse.stop());

async function store(peer: Peer, records: readonly Record<string, string>[]): Promise<string[]> {
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const sent = records.map((attributes, index) =>
    logRecord(attributes, { timeUnixNano: nowNs + BigInt(index) * 1_000_000n }),
  );
  const { tables } = LOGS.decode(logsRequest(sent), peer, nowNs);
  for (const rows of tables) await insertOnce(clickhouse.client, rows, peer.id);
  return tables.map(({ table }) => table);
}

it('keeps what an authorizer decided, and takes it from nobody else', async () => {
  const { trace_id: _, ...untraced } = DECISION;
  const refused = { ...untraced, decision: 'refused', reason: 'not signed in', caller: 'a\tb' };
  expect(await store(AUTHORIZER, [DECISION, refused])).toEqual(['request_decisions']);
  expect(await store(PROFILE, [{ ...DECISION, caller: 'nobody' }])).toEqual(['logs']);

  const all = await requestDecisions(clickhouse.client, { limit: 10 });
  expect(all).toMatchObject([
    { outcome: 'refused', reason: 'not signed in', caller: 'a\tb', traceId: '' },
    {
      outcome: 'allowed',
      fail: 'closed',
      team: 'identity',
      rule: DECISION.rule,
      operation: 'profile.get',
      policy: DECISION.policy,
      revision: DECISION.revision,
      latencyUs: 420,
      traceId: DECISION.trace_id,
    },
  ]);
  expect(Math.abs((all[0]?.atMs ?? 0) - Date.now())).toBeLessThan(30_000);
});

it('finds those of a team, an operation or an outcome', async () => {
  const count = async (filter: Parameters<typeof requestDecisions>[1]) =>
    (await requestDecisions(clickhouse.client, filter)).length;
  expect(await count({ team: 'identity', limit: 10 })).toBe(2);
  expect(await count({ team: 'rides', limit: 10 })).toBe(0);
  expect(await count({ operation: 'profile.get', outcome: 'refused', limit: 10 })).toBe(1);
  expect(await count({ callee: 'profile', caller: 'app', limit: 10 })).toBe(1);
  expect(await count({ limit: 1 })).toBe(1);
});

it('counts them by operation, of the last minutes and of the last hour', async () => {
  const halfAnHourAgo = BigInt(Date.now() - 30 * 60_000) * 1_000_000n;
  const undecided = logRecord(
    { ...DECISION, decision: 'undecided' },
    { timeUnixNano: halfAnHourAgo },
  );
  const { tables } = LOGS.decode(logsRequest([undecided]), AUTHORIZER, halfAnHourAgo);
  for (const rows of tables) await insertOnce(clickhouse.client, rows, 'half an hour ago');
  expect(await operationDecisions(clickhouse.client, { callee: 'profile' })).toEqual([
    {
      callee: 'profile',
      operation: 'profile.get',
      lastMinutes: { allowed: 1, refused: 1, undecided: 0 },
      lastHour: { allowed: 1, refused: 1, undecided: 1 },
    },
  ]);
  expect(await operationDecisions(clickhouse.client, { caller: 'nobody' })).toEqual([]);
});

it('counts a refused request as denied at the callee, and asks for no edge because of it', async () => {
  const refused = (response_code_details: string) => ({
    ...SOURCE,
    reporter: 'destination',
    callee: 'profile',
    operation: 'profile.get',
    request_id: response_code_details,
    response_code_details,
    status: '403',
  });
  const reasons = ['ext_authz_denied', 'jwt_authn_access_denied{Jwt_is_expired}', 'via_upstream'];
  await store(PROFILE, reasons.map(refused));
  const rbac = { ...refused('rbac_access_denied_matched_policy[none]'), authorization: 'denied' };
  await store({ ...PROFILE, id: 'spiffe://other' }, [rbac]);
  const { denied } = await clickhouse.row<{ denied: string[] }>(
    "SELECT arraySort(groupArray(response_code_details)) AS denied FROM dotline.access_log WHERE callee = 'profile' AND authorization = 'denied'",
  );
  expect(denied).toEqual([...reasons.slice(0, 2), rbac.response_code_details].sort());
  const { attempts } = await deniedAttempts(clickhouse.client, 1, Date.now() + 60_000);
  expect(attempts.filter(({ callee }) => callee === 'profile')).toMatchObject([{ requests: 1 }]);
});
