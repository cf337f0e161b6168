import { edgeId } from '@dotline/model/edge';
import type { Revision } from '@dotline/model/revision';
import { MeshIndex } from './mesh-index.js';
import { byPrecedence } from './operation-order.js';
import { type Answer, type Judgement, judgements } from './shadow-judgement.js';

/** An operation of which a staged revision decides single requests otherwise than the live one. */
export interface JudgedRequests {
  /** Id of the staged revision. */
  readonly staged: string;
  /** Content hash of the staged policy; `undefined` where it lets each request pass. */
  readonly policy: string | undefined;
}

/** The latest of each live revision. */
const known = new WeakMap<Revision, Shadow>();

/**
 * A staged revision beside the live one: what it would decide about each request. Nothing of it is
 * enforced. Only pairs of services about which the two differ are judged; of all others the answer is
 * known to be the same, and their sidecars hold what they hold without a staged revision.
 */
export class Shadow {
  readonly staged: MeshIndex;
  readonly #callees = new Map<string, string[]>();
  readonly #judgedCallees = new Set<string>();
  readonly #sameOperations = new Map<string, boolean>();
  /** By operation id. */
  readonly #judgedRequests = new Map<string, JudgedRequests>();
  readonly #deciders = new Set<string>();

  /** The same for the same two revisions: sidecars are made again far more often than they change. */
  static of(live: MeshIndex, staged: Revision): Shadow {
    const before = known.get(live.revision);
    if (before?.staged.revision === staged) return before;
    const shadow = new Shadow(live, staged);
    known.set(live.revision, shadow);
    return shadow;
  }

  private constructor(
    private readonly live: MeshIndex,
    staged: Revision,
  ) {
    this.staged = new MeshIndex(staged);
    const pairs = new Map(
      [...live.revision.edges, ...staged.edges].map(({ caller, callee }) => [
        edgeId(caller, callee),
        { caller, callee },
      ]),
    );
    for (const id of [...pairs.keys()].sort()) {
      const pair = pairs.get(id);
      if (pair === undefined || !this.#differs(pair.caller, pair.callee)) continue;
      this.#judgedCallees.add(pair.callee);
      const callees = this.#callees.get(pair.caller);
      if (callees === undefined) this.#callees.set(pair.caller, [pair.callee]);
      else callees.push(pair.callee);
    }
    for (const { name } of live.revision.mesh.services) this.#compareRequestRules(name);
  }

  /** The callees, sorted, of which a caller's requests are judged; none when it is not concerned. */
  calleesJudgedFor(caller: string): readonly string[] {
    return this.#callees.get(caller) ?? [];
  }

  /** Whether a service's own sidecar judges who calls it. */
  judgesCallersOf(callee: string): boolean {
    return this.#judgedCallees.has(callee);
  }

  /** How the requests for an operation are judged; `undefined` where both revisions decide them alike. */
  requestsJudged(operation: string): JudgedRequests | undefined {
    return this.#judgedRequests.get(operation);
  }

  /** Whether a service's own sidecar has single requests judged. */
  judgesRequestsOf(callee: string): boolean {
    return this.#deciders.has(callee);
  }

  /** Every kind of request that a caller can make to a callee; the first that matches is the one. */
  judgements(caller: string, callee: string): Judgement[] {
    return judgements(answersOf(this.live, caller, callee), answersOf(this.staged, caller, callee));
  }

  /** Services whose sidecars judge requests: as callers, as callees, and by rules about single ones. */
  get services(): {
    readonly callers: ReadonlySet<string>;
    readonly callees: ReadonlySet<string>;
    readonly deciders: ReadonlySet<string>;
  } {
    return {
      callers: new Set(this.#callees.keys()),
      callees: this.#judgedCallees,
      deciders: this.#deciders,
    };
  }

  #compareRequestRules(service: string): void {
    const then = new Set(this.staged.offers(service).map(({ id }) => id));
    for (const { id } of this.live.offers(service)) {
      // In a rollout the old form of an operation is `<id>@<revision>`; staged revisions know it by its id.
      const [name = ''] = id.split('@');
      const policy = this.staged.decided(name)?.policy;
      if (!then.has(name) || this.live.decided(id)?.policy === policy) continue;
      this.#judgedRequests.set(id, { staged: this.staged.revision.id, policy });
      this.#deciders.add(service);
    }
  }

  #differs(caller: string, callee: string): boolean {
    const [now, then] = [this.live, this.staged].map((index) => agreedOn(index, caller, callee));
    return now !== then || (now !== '' && !this.#hasSameOperations(callee));
  }

  /** Whether both revisions mean the same requests by the names of a service's operations. */
  #hasSameOperations(callee: string): boolean {
    let same = this.#sameOperations.get(callee);
    if (same === undefined) {
      const [now, then] = [this.live, this.staged].map((index) => requestsOf(index, callee));
      same = now === then;
      this.#sameOperations.set(callee, same);
    }
    return same;
  }
}

/**
 * The services whose sidecars judge requests while one revision is live and another one staged.
 * @throws NotInCatalogError when an edge speaks of an operation that its own catalog does not hold
 */
export function shadowedServices(live: Revision, staged: Revision): Shadow['services'] {
  return Shadow.of(new MeshIndex(live), staged).services;
}

function edgeOf(index: MeshIndex, caller: string, callee: string) {
  return index.outboundEdges(caller).find((edge) => edge.callee === callee);
}

function agreedOn(index: MeshIndex, caller: string, callee: string): string {
  return (
    edgeOf(index, caller, callee)
      ?.operations.map((each) => each.operation)
      .join(' ') ?? ''
  );
}

function requestsOf(index: MeshIndex, service: string): string {
  const operations = index.offers(service);
  return JSON.stringify(
    operations.map(({ id, method, host, path }) => [id, method, host, path]).sort(),
  );
}

/** A callee's operations in order of precedence, each with whether the caller may use it. */
function answersOf(index: MeshIndex, caller: string, callee: string): Answer[] {
  const agreed = new Set(
    edgeOf(index, caller, callee)?.operations.map(({ operation }) => operation),
  );
  return byPrecedence(index.offers(callee)).map((form) => ({ form, allowed: agreed.has(form.id) }));
}
