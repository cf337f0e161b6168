import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mesh, Operation, Service, Tier } from '@dotline/model/mesh';

export interface MeshSize {
  readonly services: number;
  readonly teams: number;
  /** Pairs of a service and an operation of another that it needs; all are granted. */
  readonly needs: number;
}

/** A generated mesh, with the text of each team's policies. */
export interface GeneratedMesh {
  readonly mesh: Mesh;
  /** By file, relative to the mesh directory. */
  readonly policies: ReadonlyMap<string, string>;
}

const PRODUCTS = 10;
/** Every so many teams one looks at the services of the whole mesh and not at its own alone. */
const WIDE_READER_EVERY = 20;
const SEED = 20_261_124;

/**
 * A company: each team has as many services, each service needs as many operations, half of them of
 * its own team, the others of teams of the same product. Rules are written as people write them: one for a
 * service and what it needs, with a title. The same size gives the same mesh.
 */
export function generatedMesh(
  directory: string,
  { services, teams, needs }: MeshSize,
): GeneratedMesh {
  const random = randomNumbers(SEED);
  const teamName = (index: number) => `team-${String(index).padStart(3, '0')}`;
  const teamOf = (service: number) => Math.floor((service * teams) / services);
  const all = Array.from({ length: services }, (_, index) =>
    serviceOf(directory, index, teamName(teamOf(index)), productOf(teamOf(index))),
  );
  const membersOf = new Map<string, Service[]>();
  for (const service of all) append(membersOf, service.team, service);

  const needed = new Map<string, Set<string>>();
  const consent = new Map<string, Set<string>>();
  let left = needs;
  for (let round = 0; left > 0; round++) {
    for (const [index, service] of all.entries()) {
      if (left === 0) break;
      const team = round % 2 === 0 ? teamOf(index) : neighbour(teamOf(index), teams, random);
      const members = membersOf.get(teamName(team)) ?? [];
      const callee = members[Math.floor(random() * members.length)];
      const operation = callee?.operations[Math.floor(random() * callee.operations.length)];
      if (callee === undefined || operation === undefined || callee === service) continue;
      const own = needed.get(service.name) ?? new Set();
      if (own.has(operation.id)) continue;
      needed.set(service.name, own.add(operation.id));
      if (callee.team !== service.team) {
        const granted = consent.get(callee.name) ?? new Set();
        consent.set(callee.name, granted.add(service.team));
      }
      left--;
    }
  }
  const policies = new Map<string, string>();
  for (const [team, members] of membersOf) {
    const wide = Number(team.slice('team-'.length)) % WIDE_READER_EVERY === 0;
    policies.set(policyFile(team), teamPolicy(team, members, needed, consent, wide));
  }
  const mesh: Mesh = {
    name: 'generated',
    trustDomain: 'generated.example',
    contact: '#platform',
    cells: [{ name: 'cell-1', zone: 'zone-a', region: 'region-1' }],
    teams: [...membersOf.keys()].map((name) => ({ name, colour: '#336699', contact: `#${name}` })),
    products: Array.from({ length: PRODUCTS }, (_, index) => `product-${index}`),
    services: all,
    objectives: [],
    directory,
  };
  return { mesh, policies };
}

/** Where a team's rules stand. */
export function policyFile(team: string): string {
  return `policies/teams/${team}/rules.rego`;
}

/** Writes the policies below the mesh's directory. */
export function writePolicies({ mesh, policies }: GeneratedMesh): void {
  for (const [file, text] of policies) {
    const path = join(mesh.directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

function serviceOf(directory: string, index: number, team: string, product: string): Service {
  const name = `svc-${String(index).padStart(5, '0')}`;
  const operation = (operationName: string, method: string, path: string): Operation => ({
    id: `${name}.${operationName}`,
    name: operationName,
    service: name,
    class: method === 'GET' ? 'read' : 'write',
    method,
    path,
  });
  return {
    name,
    team,
    product,
    tier: tierOf(index),
    language: 'go',
    description: 'One of many',
    command: ['true'],
    environment: {},
    operations: [
      operation('get', 'GET', '/v1/things/{id}'),
      operation('list', 'GET', '/v1/things'),
      operation('put', 'PUT', '/v1/things/{id}'),
    ],
    datastore: 'none',
    placement: ['cell-1'],
    directory: join(directory, 'services', product, name),
    file: `services/${product}/${name}/service.yaml`,
  };
}

function tierOf(index: number): Tier {
  return index % 10 === 0 ? 'best-effort' : 'standard';
}

function productOf(team: number): string {
  return `product-${team % PRODUCTS}`;
}

/** One of the few teams of the same product that a team works with. */
function neighbour(team: number, teams: number, random: () => number): number {
  return (team + PRODUCTS * (1 + Math.floor(random() * 3))) % teams;
}

function teamPolicy(
  team: string,
  members: readonly Service[],
  needed: ReadonlyMap<string, ReadonlySet<string>>,
  consent: ReadonlyMap<string, ReadonlySet<string>>,
  wide: boolean,
): string {
  const rules = members.flatMap(({ name }) => {
    const operations = [...(needed.get(name) ?? [])];
    const others = [...(consent.get(name) ?? [])];
    return [
      ...(operations.length === 0
        ? []
        : [
            `# METADATA
# title: What ${name} works with
needs contains {"service": "${name}", "operation": operation} if {
	some operation in ${JSON.stringify(operations)}
}`,
          ]),
      ...(others.length === 0
        ? []
        : [
            `# METADATA
# title: Who works with ${name}
grants contains {"operation": operation.id, "caller": {"team": caller}} if {
	some operation in data.catalog.services["${name}"].operations
	some caller in ${JSON.stringify(others)}
}`,
          ]),
    ];
  });
  const own = `# METADATA
# title: We work with each other
grants contains {"operation": operation.id, "caller": {"team": "${team}"}} if {
	some name in data.catalog.teams["${team}"].services
	some operation in data.catalog.services[name].operations
}`;
  const first = members[0]?.name ?? '';
  const all = `# METADATA
# title: Whatever is best effort may read us
grants contains {"operation": "${first}.get", "caller": {"service": service.name}} if {
	some service in data.catalog.services
	service.tier == "best-effort"
	service.product == "product-0"
}`;
  return `package mesh.teams.${team.replaceAll('-', '_')}

${[own, ...(wide ? [all] : []), ...rules].join('\n\n')}
`;
}

function append(lists: Map<string, Service[]>, key: string, service: Service): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [service]);
  else list.push(service);
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
