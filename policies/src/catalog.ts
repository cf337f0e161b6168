import type { Mesh, OperationClass, Stage, Tier } from '@dotline/model/mesh';

/** What policies see as `data.catalog`. Methods, paths and placement are not theirs to speak of. */
export interface Catalog {
  readonly services: Readonly<Record<string, CatalogService>>;
  readonly teams: Readonly<Record<string, CatalogTeam>>;
  /** Every operation of the mesh by its id. */
  readonly operations: Readonly<Record<string, CatalogOperation>>;
}

export interface CatalogService {
  readonly name: string;
  readonly team: string;
  readonly product: string;
  readonly tier: Tier;
  readonly stage: Stage;
  /** Whether it carries requests between cells. */
  readonly router: boolean;
  /** Whether it is a way out of the mesh, and no program. */
  readonly egress: boolean;
  readonly operations: readonly CatalogOperation[];
}

export interface CatalogTeam {
  readonly name: string;
  /** Names, sorted. */
  readonly services: readonly string[];
}

export interface CatalogOperation {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly class: OperationClass;
  /** What its personal data may be used for; empty for other classes. */
  readonly purposes: readonly string[];
}

/** The catalog of a mesh, in an order that depends on its content alone. */
export function catalogOf(mesh: Mesh): Catalog {
  const services = [...mesh.services].sort(byName).map((service) => ({
    name: service.name,
    team: service.team,
    product: service.product,
    tier: service.tier,
    stage: service.stage ?? 'production',
    router: service.router ?? false,
    egress: service.egress !== undefined,
    operations: [...service.operations].sort(byName).map((operation) => ({
      id: operation.id,
      name: operation.name,
      service: service.name,
      class: operation.class,
      purposes: [...(operation.purposes ?? [])].sort(),
    })),
  }));
  const membersOf = new Map<string, string[]>(mesh.teams.map(({ name }) => [name, []]));
  for (const { team, name } of services) membersOf.get(team)?.push(name);
  const teams = [...membersOf].map(([name, members]) => ({ name, services: members })).sort(byName);
  const operations = services.flatMap((service) => service.operations);
  return {
    services: Object.fromEntries(services.map((service) => [service.name, service])),
    teams: Object.fromEntries(teams.map((team) => [team.name, team])),
    operations: Object.fromEntries(operations.map((operation) => [operation.id, operation])),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
