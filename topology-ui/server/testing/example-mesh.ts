import type { StoredRevision } from '@dotline/control-plane/stored-revision';
import { type Edge, edgeId, type Witness } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh, Service } from '@dotline/model/mesh';
import { makeRevision } from '@dotline/model/revision';
import type { PolicyRelations } from '@dotline/policies/relations';

function service(name: string, team: string, operations: readonly string[]): Service {
  return {
    name,
    team,
    product: 'uber',
    tier: 'critical',
    language: 'typescript',
    description: `The ${name}`,
    command: ['node', 'main.js'],
    environment: {},
    operations: operations.map((operation) => ({
      id: `${name}.${operation}`,
      name: operation,
      service: name,
      class: 'read',
      method: 'GET',
      path: `/v1/${operation}/{id}`,
    })),
    datastore: 'none',
    placement: ['cell-1'],
    directory: `/mesh/services/uber/${name}`,
    file: `services/uber/${name}/service.yaml`,
  };
}

function witness(team: string, line: number): Witness {
  return { team, file: `policies/teams/${team}/rules.rego`, line };
}

const mesh: Mesh = {
  name: 'example',
  trustDomain: 'dotline.example',
  contact: '#platform',
  cells: [{ name: 'cell-1', zone: 'zone-1', region: 'region-1' }],
  teams: [
    { name: 'rides', colour: '#2563eb', contact: '#rides' },
    { name: 'pricing', colour: '#ea580c', contact: '#pricing' },
  ],
  products: ['uber'],
  services: [
    service('fare', 'pricing', ['estimate', 'get-estimate']),
    service('orders', 'rides', ['get']),
    service('rider-app', 'rides', []),
  ],
  objectives: [
    {
      name: 'fare-availability',
      title: 'Fares are answered',
      service: 'fare',
      team: 'pricing',
      indicator: { kind: 'availability' },
      target: 0.99,
      windowDays: 28,
      file: 'slo/objectives/pricing/fare.yaml',
      line: 6,
    },
  ],
  directory: '/mesh',
};

const relations: PolicyRelations = {
  needs: [
    { service: 'orders', operation: 'fare.estimate', witness: witness('rides', 3) },
    { service: 'orders', operation: 'fare.get-estimate', witness: witness('rides', 4) },
    { service: 'rider-app', operation: 'orders.get', witness: witness('rides', 5) },
  ],
  grants: [
    {
      operation: 'fare.estimate',
      caller: { kind: 'service', name: 'orders' },
      witness: witness('pricing', 3),
    },
    {
      operation: 'fare.get-estimate',
      caller: { kind: 'service', name: 'orders' },
      witness: witness('pricing', 4),
    },
    {
      operation: 'orders.get',
      caller: { kind: 'team', name: 'rides' },
      witness: witness('rides', 7),
    },
  ],
  baseline: [],
  refused: [],
};

function edge(caller: string, callee: string): Edge {
  const needs = relations.needs.filter(
    (need) => need.service === caller && need.operation.startsWith(`${callee}.`),
  );
  return {
    id: edgeId(caller, callee),
    caller,
    callee,
    operations: needs.flatMap(({ operation, witness: need }) => {
      const grant = relations.grants.find((candidate) => candidate.operation === operation);
      return grant === undefined ? [] : [{ operation, need, grant: grant.witness }];
    }),
  };
}

/** `rider-app` → `orders` → `fare`; without `withFare` nobody may use `fare`. */
export function exampleRevision(withFare = true): StoredRevision {
  const edges = [edge('rider-app', 'orders'), ...(withFare ? [edge('orders', 'fare')] : [])];
  const rule = {
    operation: 'fare.get-estimate',
    fail: 'open',
    witness: witness('pricing', 9),
  } as const;
  const requestPolicies = [{ team: 'pricing', hash: 'ab'.repeat(32), rules: [rule] }];
  const content = { mesh, edges, requestPolicies, createdAtMs: 1_795_500_000_000 };
  return { revision: makeRevision(content, undefined), relations, findings: [] };
}

/** One ready instance of each service. */
export function exampleInstances(): Instance[] {
  return mesh.services.map(({ name }, index) => ({
    id: `${name}-1`,
    service: name,
    cell: 'cell-1',
    zone: 'zone-1',
    region: 'region-1',
    address: `127.1.0.${index + 1}`,
    port: 15006,
    adminAddress: `127.1.0.${index + 1}:15000`,
    state: 'ready',
  }));
}
