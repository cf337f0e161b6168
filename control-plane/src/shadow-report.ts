import type { AgreedOperation, Edge, Witness } from '@dotline/model/edge';
import type { Revision } from '@dotline/model/revision';
import { type Explanation, explain } from '@dotline/policies/explain';
import type { PolicyRelations } from '@dotline/policies/relations';

/** So many operations are told with the rules that are there where an operation is not allowed. */
const EXPLAINED_MAX = 200;

/** A revision with what its policies said. */
interface Side {
  readonly revision: Revision;
  readonly relations: PolicyRelations;
}

/** Verdicts about the requests of one caller for one operation. Counts are exact. */
interface Verdicts {
  readonly caller: string;
  readonly callee: string;
  /** Operation id; `denied` for requests that are no operation of either revision. */
  readonly operation: string;
  /** All that were judged, also those for which nothing would change. */
  readonly requests: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Of which nobody could say in time what rules about single requests would decide. */
  readonly notJudged: number;
  /** Milliseconds since the epoch. */
  readonly lastMs: number;
}

/** What a staged revision would change for one caller and operation, and by which rules. */
export interface ShadowOperation extends Omit<Verdicts, 'lastMs'> {
  /** Of the last request, milliseconds since the epoch; `null` without any. */
  readonly lastAtMs: number | null;
  /** Whether the revisions decide single requests by different rules. */
  readonly judgesRequests: boolean;
  /** The rules of either revision. */
  readonly live: ShadowRules;
  readonly staged: ShadowRules;
}

/** Where the rules stand by which a revision decides; `null` where there is none, or nobody looked. */
export interface ShadowRules {
  readonly allowed: boolean;
  readonly need: Witness | null;
  readonly grant: Witness | null;
  /** Of an operation that both sides agree on and that a guardrail forbids. */
  readonly guardrail: Witness | null;
  /** That has each request decided when it comes. */
  readonly requests: Witness | null;
}

/**
 * Every operation that was judged, and every one about which the two revisions differ, asked for or
 * not: first those with requests that would be denied, then those with requests that would be allowed.
 */
export function shadowReport(
  live: Side,
  staged: Side,
  verdicts: readonly Verdicts[],
): ShadowOperation[] {
  const now = agreements(live.revision.edges);
  const then = agreements(staged.revision.edges);
  const counted = new Map(verdicts.map((each) => [keyOf(each), each]));
  const rulesNow = requestRules(live.revision);
  const rulesThen = requestRules(staged.revision);
  const judgesRequests = (operation: string) =>
    rulesNow.get(operation)?.policy !== rulesThen.get(operation)?.policy;
  const differing = [...new Set([...now.keys(), ...then.keys()])].filter((key) => {
    const [one, other] = [now.get(key), then.get(key)];
    return one === undefined || other === undefined || judgesRequests(one.operation);
  });
  return [...new Set([...counted.keys(), ...differing])]
    .flatMap((key) => {
      const counts = counted.get(key);
      const place = counts ?? now.get(key) ?? then.get(key);
      if (place === undefined) return [];
      const { caller, callee, operation } = place;
      return [
        {
          ...{ caller, callee, operation },
          requests: counts?.requests ?? 0,
          wouldBeDenied: counts?.wouldBeDenied ?? 0,
          wouldBeAllowed: counts?.wouldBeAllowed ?? 0,
          notJudged: counts?.notJudged ?? 0,
          judgesRequests: judgesRequests(operation),
          lastAtMs: counts?.lastMs ?? null,
        },
      ];
    })
    .sort(
      (a, b) =>
        b.wouldBeDenied - a.wouldBeDenied ||
        b.wouldBeAllowed - a.wouldBeAllowed ||
        (keyOf(a) < keyOf(b) ? -1 : 1),
    )
    .map((each, index) => {
      const rules = (side: Side, agreed: AgreedOperation | undefined, requests: RequestRules) => ({
        ...(agreed === undefined ? missingRules(side, each, index) : agreedRules(agreed)),
        requests: requests.get(each.operation)?.witness ?? null,
      });
      const key = keyOf(each);
      return {
        ...each,
        live: rules(live, now.get(key)?.agreed, rulesNow),
        staged: rules(staged, then.get(key)?.agreed, rulesThen),
      };
    });
}

/** By operation id. */
type RequestRules = ReadonlyMap<string, { readonly policy: string; readonly witness: Witness }>;

function requestRules({ requestPolicies = [] }: Revision): RequestRules {
  return new Map(
    requestPolicies.flatMap(({ hash: policy, rules }) =>
      rules.map(({ operation, witness }) => [operation, { policy, witness }] as const),
    ),
  );
}

function agreedRules({ need, grant }: AgreedOperation): Omit<ShadowRules, 'requests'> {
  return { allowed: true, need, grant, guardrail: null };
}

/** What there is of a proof that is not whole. */
function missingRules(side: Side, place: Place, index: number): Omit<ShadowRules, 'requests'> {
  const found = index < EXPLAINED_MAX ? explanation(side, place) : undefined;
  return {
    allowed: false,
    need: found?.need ?? null,
    grant: found?.grant ?? null,
    guardrail: found?.refusals[0]?.guardrail ?? null,
  };
}

function explanation(
  { revision, relations }: Side,
  { caller, callee, operation }: Place,
): Explanation['operations'][number] | undefined {
  const { operations } = explain(revision.mesh, relations, caller, callee);
  return operations.find((each) => each.operation === operation);
}

type Place = Pick<Verdicts, 'caller' | 'callee' | 'operation'>;

function agreements(edges: readonly Edge[]): Map<string, Place & { agreed: AgreedOperation }> {
  return new Map(
    edges.flatMap(({ caller, callee, operations }) =>
      operations.map((agreed) => {
        const place = { caller, callee, operation: agreed.operation, agreed };
        return [keyOf(place), place];
      }),
    ),
  );
}

function keyOf({ caller, callee, operation }: Place): string {
  return `${caller} ${callee} ${operation}`;
}
