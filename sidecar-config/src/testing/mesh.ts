import { type AgreedOperation, type Edge, edgeId } from '@dotline/model/edge';
import type { Egress } from '@dotline/model/egress';
import type { Instance } from '@dotline/model/instance';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';

/**
 * Shorthand for a service: `{fare: {team, operations: {estimate: 'POST /v1/estimates'}}}`; operations of
 * an egress service name their host: `POST api.example:443/v1/estimates`.
 */
export type ServicePlan = Readonly<
  Record<
    string,
    {
      readonly team: string;
      readonly operations: Readonly<Record<string, string>>;
      readonly egress?: Egress;
    }
  >
>;

/** A mesh with the given services, each in cell-1. */
export function meshOf(plan: ServicePlan): Mesh {
  const teams = [...new Set(Object.values(plan).map(({ team }) => team))];
  return {
    name: 'test',
    trustDomain: 'test.example',
    contact: '#platform',
    cells: [
      { name: 'cell-1', zone: 'zone-a', region: 'region-1' },
      { name: 'cell-2', zone: 'zone-b', region: 'region-1' },
    ],
    teams: teams.map((name) => ({ name, colour: '#123456', contact: `100% #${name}` })),
    products: ['test'],
    services: Object.entries(plan).map(([name, { team, operations, egress }]) => ({
      ...serviceOf(name, team, operations),
      ...(egress === undefined ? {} : { egress }),
    })),
    objectives: [],
    directory: '/mesh',
  };
}

/** An edge on which the named operations of the callee are agreed. */
export function edgeOf(caller: string, callee: string, operations: readonly string[]): Edge {
  return {
    id: edgeId(caller, callee),
    caller,
    callee,
    operations: [...operations].sort().map((name): AgreedOperation => {
      const witness = { team: 'test', file: 'policies/test.rego', line: 1 };
      return { operation: `${callee}.${name}`, need: witness, grant: witness };
    }),
  };
}

/** The first instance of a service, in cell-1. */
export function instanceOf(service: string, over: Partial<Instance> = {}): Instance {
  return {
    id: `${service}-1`,
    service,
    cell: 'cell-1',
    zone: 'zone-a',
    region: 'region-1',
    address: '127.0.0.1',
    port: 15006,
    adminAddress: '127.0.0.1:15000',
    state: 'ready',
    ...over,
  };
}

function serviceOf(
  name: string,
  team: string,
  operations: Readonly<Record<string, string>>,
): Service {
  return {
    name,
    team,
    product: 'test',
    tier: 'standard',
    language: 'typescript',
    description: name,
    command: ['node', 'main.js'],
    environment: {},
    operations: Object.entries(operations).map(([operation, request]): Operation => {
      const [, method = '', host = '', path = ''] = /^(\w+) ([^/]*)(.*)$/.exec(request) ?? [];
      return {
        ...(host === '' ? {} : { host }),
        id: `${name}.${operation}`,
        name: operation,
        service: name,
        class: method === 'GET' ? 'read' : 'write',
        method,
        path,
      };
    }),
    datastore: 'none',
    placement: ['cell-1'],
    directory: `/mesh/services/test/${name}`,
    file: `services/test/${name}/service.yaml`,
  };
}
