import { type Edge, edgeId } from '@dotline/model/edge';
import type { Objective } from '@dotline/model/mesh';
import { expect, it } from '@jest/globals';
import { deniedTraffic } from './denied-traffic.js';
import { meshOf } from './mesh-fixture.js';
import { diffPolicies, type PolicyState } from './policy-diff.js';

const DAY_MS = 86_400_000;
const witness = { team: 'team', file: 'policies/teams/team/rules.rego', line: 1 };
const objective = (name: string, service: string): Objective => ({
  name,
  title: name,
  service,
  team: 'team',
  indicator: { kind: 'availability' },
  target: 0.99,
  windowDays: 28,
  file: 'slo/objectives/team/all.yaml',
  line: 1,
});
const mesh = {
  ...meshOf('/mesh'),
  objectives: [objective('orders-work', 'orders'), objective('fare-works', 'fare')],
};
const allowed = (caller: string, callee: string, operations: readonly string[]): Edge => ({
  id: edgeId(caller, callee),
  caller,
  callee,
  operations: operations.map((name) => ({
    operation: `${callee}.${name}`,
    need: witness,
    grant: witness,
  })),
});
const state = (edges: readonly Edge[], of = mesh): PolicyState => ({
  mesh: of,
  edges,
  relations: { needs: [], grants: [], baseline: [], refused: [] },
});
const before = state([
  allowed('orders', 'fare', ['estimate', 'get-estimate']),
  allowed('rider-app', 'orders', ['get']),
]);
const requests = (caller: string, operation: string, count: number) => {
  const [callee = ''] = operation.split('.');
  return { caller, callee, operation, requests: count };
};
const seen = (days: number) => ({
  sinceMs: 0,
  untilMs: days * DAY_MS,
  operations: [
    requests('orders', 'fare.estimate', 700),
    requests('orders', 'fare.get-estimate', 1_400),
    requests('rider-app', 'orders.get', 70),
    requests('rider-app', 'profile.get', 7),
  ],
});

it('counts per day what is taken away and used, with the objectives of both sides', () => {
  const after = state([allowed('orders', 'fare', ['estimate'])]);
  expect(deniedTraffic(before, diffPolicies(before, after), seen(7))).toEqual([
    {
      ...requests('orders', 'fare.get-estimate', 1_400),
      requestsPerDay: 200,
      cause: 'removed',
      callerObjectives: ['orders-work'],
      calleeObjectives: ['fare-works'],
    },
    expect.objectContaining({
      operation: 'orders.get',
      requestsPerDay: 10,
      calleeObjectives: ['orders-work'],
    }),
  ]);
});

it('makes up no requests when less than a day was seen', () => {
  const after = state([allowed('rider-app', 'orders', ['get'])]);
  const denied = deniedTraffic(before, diffPolicies(before, after), seen(0.25));
  expect(denied.map(({ requestsPerDay }) => requestsPerDay)).toEqual([1_400, 700]);
});

it('is none for what is unused, was not allowed before, or is only added', () => {
  const none = { ...seen(1), operations: [requests('orders', 'fare.estimate', 0)] };
  expect(deniedTraffic(before, diffPolicies(before, state([])), none)).toEqual([]);
  const more = state([...before.edges, allowed('rider-app', 'profile', ['get'])]);
  expect(deniedTraffic(before, diffPolicies(before, more), seen(1))).toEqual([]);
});

it('counts what another path or method leaves behind, but not another class', () => {
  const changed = (change: object) => ({
    ...mesh,
    services: mesh.services.map((service) => ({
      ...service,
      operations: service.operations.map((each) =>
        each.id === 'fare.estimate' ? { ...each, ...change } : each,
      ),
    })),
  });
  const moved = diffPolicies(before, state(before.edges, changed({ path: '/v2' })));
  expect(deniedTraffic(before, moved, seen(1))).toMatchObject([
    { operation: 'fare.estimate', cause: 'redefined', requests: 700 },
  ]);
  const reclassed = diffPolicies(before, state(before.edges, changed({ class: 'pii' })));
  expect(reclassed.redefined).toHaveLength(1);
  expect(deniedTraffic(before, reclassed, seen(1))).toEqual([]);
});
