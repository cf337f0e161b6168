import type { AgreedOperation, Edge } from '@dotline/model/edge';
import type { Revision } from '@dotline/model/revision';

/** Verdicts about the requests of one caller for one operation. */
interface Verdicts {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly requests: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Milliseconds since the epoch. */
  readonly lastMs: number;
}

/** What a staged revision would change for one caller and operation, and by which rules. */
export interface ShadowOperation {
  readonly caller: string;
  readonly callee: string;
  /** Operation id; `denied` for requests that are no operation of either revision. */
  readonly operation: string;
  readonly requests: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Of the last request, milliseconds since the epoch; `null` without any. */
  readonly lastAtMs: number | null;
  /** The rules of either revision; `null` where it does not allow the operation. */
  readonly live: AgreedOperation | null;
  readonly staged: AgreedOperation | null;
}

/**
 * Every operation that was judged, and every one about which the two revisions differ, asked for or
 * not: first those with requests that would be denied, then those with requests that would be allowed.
 */
export function shadowReport(
  live: Revision,
  staged: Revision,
  verdicts: readonly Verdicts[],
): ShadowOperation[] {
  const now = agreements(live.edges);
  const then = agreements(staged.edges);
  const counted = new Map(verdicts.map((each) => [keyOf(each), each]));
  const differing = [...new Set([...now.keys(), ...then.keys()])].filter(
    (key) => now.has(key) !== then.has(key),
  );
  return [...new Set([...counted.keys(), ...differing])]
    .flatMap((key): ShadowOperation[] => {
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
          lastAtMs: counts?.lastMs ?? null,
          live: now.get(key)?.agreed ?? null,
          staged: then.get(key)?.agreed ?? null,
        },
      ];
    })
    .sort(
      (a, b) =>
        b.wouldBeDenied - a.wouldBeDenied ||
        b.wouldBeAllowed - a.wouldBeAllowed ||
        (keyOf(a) < keyOf(b) ? -1 : 1),
    );
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
