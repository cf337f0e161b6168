import { believedIssuers } from '@dotline/model/believed-issuers';
import type { Edge } from '@dotline/model/edge';
import type { Egress } from '@dotline/model/egress';
import type { Operation, Service, Team } from '@dotline/model/mesh';
import type { TokenIssuer, WhenUndecided } from '@dotline/model/request-policy';
import type { Revision } from '@dotline/model/revision';
import { catalogKey } from './catalog-key.js';
import { byPrecedence, overriding } from './operation-order.js';

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

/** An operation of which each request is decided when it comes. */
export interface DecidedOperation {
  readonly operation: string;
  readonly fail: WhenUndecided;
  /** Content hash of the policy that decides. */
  readonly policy: string;
  /** The revision in which the policy took its form. */
  readonly revision: string;
}

/** A revision made fast to ask: everything by name, edges by both ends. */
export class MeshIndex {
  readonly #services: ReadonlyMap<string, Service>;
  readonly #teams: ReadonlyMap<string, Team>;
  readonly #servicesOfTeam = new Map<string, string[]>();
  readonly #outbound = new Map<string, Edge[]>();
  readonly #inbound = new Map<string, Edge[]>();
  readonly #decided = new Map<string, DecidedOperation>();

  /** Names the catalog: what is made from it alone is the same while this is. */
  readonly catalogKey: string;

  constructor(readonly revision: Revision) {
    const { mesh } = revision;
    this.catalogKey = catalogKey(mesh);
    this.#services = new Map(mesh.services.map((service) => [service.name, service]));
    this.#teams = new Map(mesh.teams.map((team) => [team.name, team]));
    for (const { name, team } of mesh.services) append(this.#servicesOfTeam, team, name);
    for (const names of this.#servicesOfTeam.values()) names.sort();
    for (const edge of [...revision.edges].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      append(this.#outbound, edge.caller, edge);
      append(this.#inbound, edge.callee, edge);
    }
    for (const { hash: policy, revision: since, rules } of revision.requestPolicies ?? []) {
      for (const { operation, fail } of rules) {
        // In a rollout the old form of an operation is `<id>@<revision>`; its policy knows it by its id.
        const [id = ''] = operation.split('@');
        this.#decided.set(operation, { operation: id, fail, policy, revision: since });
      }
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

  /** Names of the services that a team owns, sorted. */
  servicesOf(team: string): readonly string[] {
    return this.#servicesOfTeam.get(team) ?? [];
  }

  has(service: string): boolean {
    return this.#services.has(service);
  }

  /** What a service reaches outside of the mesh; `undefined` when it is none of its ways out. */
  egressOf(service: string): Egress | undefined {
    return this.#services.get(service)?.egress;
  }

  /** What a service offers; nothing when the catalog does not hold it. */
  offers(service: string): readonly Operation[] {
    return this.#services.get(service)?.operations ?? [];
  }

  /** The operations agreed on an edge, in order of precedence. @throws NotInCatalogError */
  operationsOf(edge: Edge): Operation[] {
    const { operations } = this.service(edge.callee);
    return byPrecedence(
      edge.operations.map(
        ({ operation }) =>
          operations.find(({ id }) => id === operation) ?? this.#missing('operation', operation),
      ),
    );
  }

  /** Operations that an edge does not agree on, although they have the form of `agreed`, which it does. */
  withheldFrom(edge: Edge, agreed: Operation): Operation[] {
    const ids = new Set(edge.operations.map(({ operation }) => operation));
    return overriding(agreed, this.service(edge.callee).operations).filter(
      ({ id }) => !ids.has(id),
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

  /** What, with the catalog, everything that is made from an edge depends on. */
  formOf(edge: Edge): readonly unknown[] {
    return [edge.id, this.edgeRevision(edge), edge.operations.map(({ operation }) => operation)];
  }

  /** How an operation's requests are decided, when they are. */
  decided(operation: string): DecidedOperation | undefined {
    return this.#decided.get(operation);
  }

  /** What, with the catalog, everything that is made for the requests of a service depends on. */
  requestFormOf(service: string): readonly unknown[] {
    const decided = this.service(service).operations.flatMap(({ id }) => this.decided(id) ?? []);
    return [decided, this.believedIssuers(service).map(({ issuer }) => issuer)];
  }

  /** Whose tokens a service believes: it decides requests, and can have the keys to verify them with. */
  believedIssuers(service: string): readonly TokenIssuer[] {
    const { operations } = this.service(service);
    if (!operations.some(({ id }) => this.#decided.has(id))) return [];
    return this.verifiableIssuers(service);
  }

  /** Whose tokens a service could verify, also when it decides no request. */
  verifiableIssuers(service: string): readonly TokenIssuer[] {
    return believedIssuers(this.revision.mesh, service, this.outboundEdges(service));
  }

  /** An operation by its id. @throws NotInCatalogError */
  operation(id: string): Operation {
    const [service = ''] = id.split('.');
    const { operations } = this.service(service);
    return operations.find((each) => each.id === id) ?? this.#missing('operation', id);
  }

  /** The revision in which an edge took its present form. */
  edgeRevision(edge: Edge): string {
    return this.revision.edgeRevisions[edge.id] ?? this.revision.id;
  }

  #missing(kind: NotInCatalogError['kind'], name: string): never {
    throw new NotInCatalogError(kind, name, this.revision.id);
  }
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
