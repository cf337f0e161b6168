import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Mesh, OperationClass, Service, Stage, Tier } from '@dotline/model/mesh';

/** A service as tests state it: `operations` maps names to classes, `purposes` to what they are for. */
export interface ServiceSketch {
  readonly name: string;
  readonly team: string;
  readonly tier?: Tier;
  readonly product?: string;
  readonly operations?: Readonly<Record<string, OperationClass>>;
  readonly purposes?: Readonly<Record<string, readonly string[]>>;
  readonly stage?: Stage;
  readonly router?: boolean;
  /** `cell-1` when nothing is said. */
  readonly placement?: readonly string[];
}

/** A small mesh: riders order rides, drivers get paid. */
export const SKETCHES: readonly ServiceSketch[] = [
  { name: 'orders', team: 'rides', tier: 'critical', operations: { create: 'write', get: 'read' } },
  { name: 'rider-app', team: 'rides' },
  {
    name: 'fare',
    team: 'pricing',
    tier: 'critical',
    operations: { estimate: 'write', 'get-estimate': 'read' },
  },
  { name: 'promotions', team: 'pricing', tier: 'best-effort', operations: { list: 'read' } },
  {
    name: 'profile',
    team: 'identity-and-trust',
    product: 'accounts',
    operations: { get: 'read', 'get-phone': 'pii' },
    purposes: { 'get-phone': ['support'] },
  },
];

/** A validated mesh of these services, as `loadMesh` would return it. */
export function meshOf(directory: string, sketches: readonly ServiceSketch[] = SKETCHES): Mesh {
  const services = sketches.map((sketch): Service => {
    const product = sketch.product ?? 'rides';
    return {
      name: sketch.name,
      team: sketch.team,
      product,
      tier: sketch.tier ?? 'standard',
      ...(sketch.stage === undefined ? {} : { stage: sketch.stage }),
      ...(sketch.router === undefined ? {} : { router: sketch.router }),
      language: 'go',
      description: '',
      command: ['true'],
      environment: {},
      operations: Object.entries(sketch.operations ?? {}).map(([name, operationClass]) => ({
        id: `${sketch.name}.${name}`,
        name,
        service: sketch.name,
        class: operationClass,
        ...(sketch.purposes?.[name] === undefined ? {} : { purposes: sketch.purposes[name] }),
        method: 'GET',
        path: `/${name}`,
      })),
      datastore: 'none',
      placement: sketch.placement ?? ['cell-1'],
      directory: join(directory, 'services', product, sketch.name),
      file: `services/${product}/${sketch.name}/service.yaml`,
    };
  });
  const teams = [...new Set(services.map((service) => service.team))].sort();
  return {
    name: 'sample',
    trustDomain: 'sample.example',
    contact: '#platform',
    cells: [],
    teams: teams.map((name) => ({ name, colour: '#336699', contact: `#${name}` })),
    products: [...new Set(services.map((service) => service.product))].sort(),
    services: services.sort((a, b) => (a.name < b.name ? -1 : 1)),
    objectives: [],
    directory,
  };
}

/** Writes files into a new temporary folder and returns its path; the caller removes it. */
export async function writeFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dotline-mesh-'));
  await writeFiles(folder, files);
  return folder;
}

export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
}

/** Policies of the small mesh that agree on five edges' worth of operations. */
export const POLICIES: Readonly<Record<string, string>> = {
  'policies/teams/rides/needs.rego': `package mesh.teams.rides

# METADATA
# title: An order needs a price
needs contains {"service": "orders", "operation": "fare.estimate"}

needs contains {"service": service, "operation": "profile.get", "optional": true} if {
	some service in data.catalog.teams.rides.services
}

needs contains {
	"service": "rider-app",
	"operation": operation,
} if some operation in ["orders.create", "orders.get"]
`,
  'policies/teams/rides/grants.rego': `package mesh.teams.rides

# METADATA
# title: Apps place and follow orders
grants contains {"operation": operation.id, "caller": {"service": "rider-app"}} if {
	some operation in data.catalog.services.orders.operations
}
`,
  'policies/teams/pricing/policy.rego': `package mesh.teams.pricing

grants contains {"operation": "fare.estimate", "caller": {"tier": "critical"}}

grants contains {"operation": "fare.estimate", "caller": {"team": "rides"}}
`,
  'policies/teams/identity-and-trust/policy.rego': `package mesh.teams.identity_and_trust

grants contains {"operation": "profile.get", "caller": {"product": "rides"}}
`,
};
