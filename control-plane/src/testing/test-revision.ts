import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh, Service } from '@dotline/model/mesh';

/** A mesh of services with the operations `read` and `write`, one team owning all. */
export function testMesh(services: readonly string[]): Mesh {
  return {
    name: 'test',
    trustDomain: 'test.example',
    contact: 'platform@test.example',
    cells: [{ name: 'cell-1', zone: 'here-a', region: 'here' }],
    teams: [{ name: 'team', colour: '#2563eb', contact: 'team@test.example' }],
    products: ['test'],
    services: services.map(testService),
    objectives: [],
    directory: '/mesh',
  };
}

function testService(name: string): Service {
  return {
    name,
    team: 'team',
    product: 'test',
    tier: 'standard',
    language: 'typescript',
    description: name,
    command: ['node', 'main.js'],
    environment: {},
    operations: [
      operation(name, 'read', 'GET', '/v1/items/{id}'),
      operation(name, 'write', 'POST', '/v1/items'),
    ],
    datastore: 'none',
    placement: ['cell-1'],
    directory: `/mesh/services/test/${name}`,
    file: `services/test/${name}/service.yaml`,
  };
}

function operation(service: string, name: 'read' | 'write', method: string, path: string) {
  return { id: `${service}.${name}`, name, service, class: name, method, path };
}

/** An edge whose needs stand in the caller's file and whose grants stand in the callee's. */
export function testEdge(
  caller: string,
  callee: string,
  operations: readonly ('read' | 'write')[],
): Edge {
  return {
    id: `${caller}->${callee}`,
    caller,
    callee,
    operations: operations.map((name, index) => ({
      operation: `${callee}.${name}`,
      need: { team: 'team', file: `policies/teams/team/${caller}.rego`, line: 10 + index },
      grant: { team: 'team', file: `policies/teams/team/${callee}.rego`, line: 20 + index },
    })),
  };
}

/** A ready instance with an address of its own, unless one is given. */
export function testInstance(
  service: string,
  number: number,
  address = `127.1.${service.charCodeAt(0)}.${number}`,
): Instance {
  return {
    id: `${service}-${number}`,
    service,
    cell: 'cell-1',
    zone: 'here-a',
    region: 'here',
    address,
    port: 15006,
    adminAddress: `${address}:15000`,
    state: 'ready',
  };
}
