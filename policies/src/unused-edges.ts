import type { AgreedOperation, Edge } from '@dotline/model/edge';
import { joinRelations } from './join-relations.js';
import type { PolicyState } from './policy-diff.js';
import type { Grant, Need } from './relations.js';

/** What was seen of the use of operations in a window of time. */
export interface UsageSeen {
  /** Start of the window, milliseconds since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The first record of all; `null` without records. */
  readonly historySinceMs: number | null;
  /** Hours of the window with any record. */
  readonly hoursRecorded: number;
  readonly operations: readonly {
    readonly caller: string;
    readonly callee: string;
    /** Operation id. */
    readonly operation: string;
    /** Let through in the window. */
    readonly requests: number;
    /** In the window or before it, milliseconds since the epoch. */
    readonly lastSeenMs: number;
  }[];
}

/** How old an edge is, in milliseconds since the epoch. */
export interface EdgeAge {
  /** It has been allowed since then without a break. */
  readonly addedMs: number;
  /** It has had just these operations since then. */
  readonly formMs: number;
}

/** How long rules have been there, in milliseconds since the epoch. */
export interface RuleAges {
  /** By edge id. */
  readonly edges: ReadonlyMap<string, EdgeAge>;
  /** By commit: when it was made. */
  readonly commitsMs: ReadonlyMap<string, number>;
}

/** Of what was not used: `unused`, or `too-young` when it was not there for the whole window. */
export type Judgement = 'unused' | 'too-young';

/** An operation of an edge without a request in the window. */
export interface UnusedOperation extends AgreedOperation {
  readonly judgement: Judgement;
  /** Of the last request before the window; `null` when none is known. */
  readonly lastSeenMs: number | null;
  /** Since when it has been allowed; `null` when nobody knows. */
  readonly sinceMs: number | null;
}

/** An edge with at least one operation without a request in the window. */
export interface UnusedEdge {
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  readonly callerTeam: string;
  readonly calleeTeam: string;
  /** Whether none of its operations was used. */
  readonly whole: boolean;
  /** Those that were not used, sorted; never empty. */
  readonly operations: readonly UnusedOperation[];
  /** Of its other operations, in the window. */
  readonly requests: number;
}

/** A need that nobody grants, or a grant that nobody needs. */
export interface IdleRule<Relation extends Need | Grant> {
  readonly relation: Relation;
  readonly judgement: Judgement;
  /** When its file was committed last; `null` when it is not committed. */
  readonly sinceMs: number | null;
}

/** Everything that a mesh allows and nobody uses. Plain data. */
export interface UnusedReport {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly historySinceMs: number | null;
  readonly hoursRecorded: number;
  /** Whether records go back to the start of the window: otherwise all is judged from their start on. */
  readonly historyIsWhole: boolean;
  /** Sorted by id. */
  readonly edges: readonly UnusedEdge[];
  readonly needs: readonly IdleRule<Need>[];
  readonly grants: readonly IdleRule<Grant>[];
}

/**
 * Finds the edges and operations that had no traffic for a window of time, and the needs and grants that no edge
 * came of. What is younger than the window is told, and never called unused.
 */
export function findUnused(
  { mesh, edges, relations }: PolicyState,
  seen: UsageSeen,
  ages: RuleAges,
  team?: string,
): UnusedReport {
  const teams = new Map(mesh.services.map((service) => [service.name, service.team]));
  // Before the first record nothing was seen, so nothing that is younger can be judged.
  const judgedFromMs = Math.max(seen.fromMs, seen.historySinceMs ?? seen.untilMs);
  const judge = (sinceMs: number | null): Judgement =>
    sinceMs === null || sinceMs > judgedFromMs ? 'too-young' : 'unused';
  const usage = new Map(
    seen.operations.map((each) => [`${each.caller} ${each.operation}`, each] as const),
  );
  // Sidecars fetch keys by themselves, which no record of a caller's requests tells.
  const keys = new Set(
    (mesh.tokenIssuers ?? []).flatMap((issuer) =>
      issuer.keys.kind === 'operation' ? [issuer.keys.operation] : [],
    ),
  );
  const isWanted = (...owners: (string | undefined)[]) =>
    team === undefined || owners.includes(team);
  const unusedOf = (edge: Edge): UnusedEdge[] => {
    const used = (operation: string) => usage.get(`${edge.caller} ${operation}`);
    const idle = edge.operations.filter(
      ({ operation }) => !keys.has(operation) && (used(operation)?.requests ?? 0) === 0,
    );
    const [callerTeam = '', calleeTeam = ''] = [teams.get(edge.caller), teams.get(edge.callee)];
    if (idle.length === 0 || !isWanted(callerTeam, calleeTeam)) return [];
    const { id, caller, callee } = edge;
    const operations = idle.map((agreed): UnusedOperation => {
      const sinceMs = allowedSinceMs(id, agreed, ages);
      const lastSeenMs = used(agreed.operation)?.lastSeenMs ?? null;
      return { ...agreed, judgement: judge(sinceMs), lastSeenMs, sinceMs };
    });
    const requests = edge.operations.reduce(
      (sum, { operation }) => sum + (used(operation)?.requests ?? 0),
      0,
    );
    const whole = idle.length === edge.operations.length;
    return [{ id, caller, callee, callerTeam, calleeTeam, whole, operations, requests }];
  };
  const idleRule = <Relation extends Need | Grant>(relation: Relation): IdleRule<Relation> => {
    const sinceMs = committedMs(relation.witness.commit, ages) ?? null;
    return { relation, judgement: judge(sinceMs), sinceMs };
  };
  const join = joinRelations(mesh, relations);
  const isOwn = ({ witness }: Need | Grant) => isWanted(witness.team);
  return {
    fromMs: seen.fromMs,
    untilMs: seen.untilMs,
    historySinceMs: seen.historySinceMs,
    hoursRecorded: seen.hoursRecorded,
    historyIsWhole: seen.historySinceMs !== null && seen.historySinceMs <= seen.fromMs,
    edges: edges.flatMap(unusedOf),
    needs: join.ungranted.filter(isOwn).map(idleRule),
    grants: join.unused.filter(isOwn).map(idleRule),
  };
}

/**
 * Since when an operation has been allowed for certain: since the edge took its form, or, when it was widened or
 * narrowed later, since both of its rules' files were committed as they are; but never longer than the edge.
 */
function allowedSinceMs(
  edge: string,
  { need, grant }: AgreedOperation,
  ages: RuleAges,
): number | null {
  const age = ages.edges.get(edge);
  const [needMs, grantMs] = [committedMs(need.commit, ages), committedMs(grant.commit, ages)];
  // What is not live was never allowed, however old its rules are.
  if (age === undefined) return null;
  if (needMs === undefined || grantMs === undefined) return age.formMs;
  return Math.max(age.addedMs, Math.min(age.formMs, Math.max(needMs, grantMs)));
}

function committedMs(commit: string | undefined, { commitsMs }: RuleAges): number | undefined {
  return commit === undefined ? undefined : commitsMs.get(commit);
}
