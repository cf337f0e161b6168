import type { EdgeCounts } from './wave-traffic.js';

/** More denials or errors between two services than before. Rates are requests a second. */
export interface TrafficRise {
  readonly kind: 'denials' | 'errors';
  readonly caller: string;
  readonly callee: string;
  readonly reporter: EdgeCounts['reporter'];
  readonly before: number;
  readonly now: number;
}

/** What was counted in a span of time. */
export interface CountedTraffic {
  readonly edges: readonly EdgeCounts[];
  readonly seconds: number;
}

/** A share that grew by less is noise, however many times it is that before. */
const SHARE_RISE_MIN = 0.01;
/** In standard deviations of the number that was to be expected. */
const NOISE = 3;
const RISES_MAX = 20;

/**
 * Where the share of denied or failed requests has risen. Shares are compared, not rates, so that more
 * traffic is no rise; few events are none either, nor is what chance makes of the share before.
 * @returns the largest first
 */
export function trafficRises(
  before: CountedTraffic,
  now: CountedTraffic,
  { riseFactor, riseEventsMin }: { readonly riseFactor: number; readonly riseEventsMin: number },
): TrafficRise[] {
  const old = new Map(before.edges.map((edge) => [keyOf(edge), edge]));
  const rises = now.edges.flatMap((edge) => {
    const was = old.get(keyOf(edge));
    const { reporter, caller, callee } = edge;
    const counts = [
      ['denials', was?.denied ?? 0, was?.attempts ?? 0, edge.denied, edge.attempts],
      ['errors', was?.failed ?? 0, allowed(was), edge.failed, allowed(edge)],
    ] as const;
    return counts.flatMap(([kind, eventsBefore, totalBefore, events, total]) => {
      const shareBefore = totalBefore === 0 ? 0 : eventsBefore / totalBefore;
      const expected = shareBefore * total;
      const isRise =
        events >= riseEventsMin &&
        events > expected + NOISE * Math.sqrt(expected) &&
        events / total > Math.max(shareBefore * riseFactor, shareBefore + SHARE_RISE_MIN);
      if (!isRise) return [];
      const rates = { before: eventsBefore / before.seconds, now: events / now.seconds };
      return [{ events, rise: { kind, caller, callee, reporter, ...rates } }];
    });
  });
  return rises
    .sort((a, b) => b.events - a.events)
    .slice(0, RISES_MAX)
    .map(({ rise }) => rise);
}

/** All requests of all edges. */
export function attemptsOf({ edges }: CountedTraffic): number {
  return edges.reduce((sum, { attempts }) => sum + attempts, 0);
}

function allowed(edge: EdgeCounts | undefined): number {
  return edge === undefined ? 0 : edge.attempts - edge.denied;
}

function keyOf({ reporter, caller, callee }: EdgeCounts): string {
  return `${reporter} ${caller} ${callee}`;
}
