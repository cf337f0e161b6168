import type { Edge } from '@dotline/model/edge';
import type { Operation, Service, Team } from '@dotline/model/mesh';
import type { Revision } from '@dotline/model/revision';

/** A revision or an instance speaks of something that the revision's catalog does not hold. */
export class NotInCatalogError extends Error {
  override readonly name = 'NotInCatalogError';

  constructor(
    readonly kind: 'service' | 'team' | 'operation',
    readonly missing: string,
    readonly revisionId: string,
  ) {
    super(`revision ${revisionId} has no ${kind} ${missing}`);
  }
}

/** A revision made fast to ask: everything by name, edges by both ends. */
export class MeshIndex {
  readonly #services: ReadonlyMap<string, Service>;
  readonly #teams: ReadonlyMap<string, Team>;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #outbound = new Map<string, Edge[]>();
  readonly #inbound = new Map<string, Edge[]>();

  constructor(readonly revision: Revision) {
    const { mesh } = revision;
    this.#services = new Map(mesh.services.map((service) => [service.name, service]));
    this.#teams = new Map(mesh.teams.map((team) => [team.name, team]));
    this.#operations = new Map(
      mesh.services.flatMap((service) => service.operations.map((o) => [o.id, o] as const)),
    );
    for (const edge of [...revision.edges].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      append(this.#outbound, edge.caller, edge);
      append(this.#inbound, edge.callee, edge);
    }
  }

  /** @throws NotInCatalogError */
  service(name: string): Service {
    return this.#services.get(name) ?? this.#missing('service', name);
  }

  /** The team that owns a service. @throws NotInCatalogError */
  teamOf(service: string): Team {
    const { team } = this.service(service);
    return this.#teams.get(team) ?? this.#missing('team', team);
  }

  /** The operations agreed on an edge, by id. @throws NotInCatalogError */
  operationsOf(edge: Edge): Operation[] {
    return edge.operations.map(
      ({ operation }) => this.#operations.get(operation) ?? this.#missing('operation', operation),
    );
  }

  /** Edges on which a service calls others, by id. */
  outboundEdges(service: string): readonly Edge[] {
    return this.#outbound.get(service) ?? [];
  }

  /** Edges on which others call a service, by id. */
  inboundEdges(service: string): readonly Edge[] {
    return this.#inbound.get(service) ?? [];
  }

  /** The revision in which an edge took its present form. */
  edgeRevision(edge: Edge): string {
    return this.revision.edgeRevisions[edge.id] ?? this.revision.id;
  }

  #missing(kind: NotInCatalogError['kind'], name: string): never {
    throw new NotInCatalogError(kind, name, this.revision.id);
  }
}

function append(edges: Map<string, Edge[]>, service: string, edge: Edge): void {
  const list = edges.get(service);
  if (list === undefined) edges.set(service, [edge]);
  else list.push(edge);
}
