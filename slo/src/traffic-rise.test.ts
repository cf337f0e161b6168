import { describe, expect, it } from '@jest/globals';
import { type CountedTraffic, trafficRises } from './traffic-rise.js';
import type { EdgeCounts } from './wave-traffic.js';

const POLICY = { riseFactor: 2, riseEventsMin: 5 };

describe('a rise of denials or errors', () => {
  it.each([
    ['nothing before, some now', [100, 0, 0], [20, 5, 0], ['denials']],
    ['an edge that is new, with errors', [0, 0, 0], [20, 0, 10], ['errors']],
    ['both', [300, 0, 0], [30, 10, 10], ['denials', 'errors']],
    ['as many as before', [300, 30, 30], [30, 3, 3], []],
    ['more traffic, the same share', [300, 30, 0], [600, 60, 0], []],
    ['a larger share, but within chance', [300, 30, 0], [30, 7, 0], []],
    ['twice as many and beyond chance', [3000, 300, 0], [300, 100, 0], ['denials']],
    ['too few to say', [300, 0, 0], [30, 4, 4], []],
    ['a share that nobody notices', [10_000, 0, 0], [1_000, 9, 9], []],
    ['errors of those that were let through', [300, 0, 0], [100, 90, 5], ['denials', 'errors']],
    ['silence', [300, 10, 10], [0, 0, 0], []],
  ] as [string, Counts, Counts, string[]][])('%s', (_title, before, now, kinds) => {
    const rises = trafficRises(counted(before, 300), counted(now, 10), POLICY);
    expect(rises.map(({ kind }) => kind).sort()).toEqual(kinds);
  });

  it('tells rates a second, the sidecars that saw it, and the largest first', () => {
    const other = edge([10, 10, 0], { caller: 'c', reporter: 'destination' });
    const now = { edges: [edge([30, 20, 0]), other], seconds: 10 };
    expect(trafficRises(counted([300, 3, 0], 300), now, POLICY)).toEqual([
      { kind: 'denials', caller: 'a', callee: 'b', reporter: 'source', before: 0.01, now: 2 },
      { kind: 'denials', caller: 'c', callee: 'b', reporter: 'destination', before: 0, now: 1 },
    ]);
  });
});

/** Attempts, denied, failed. */
type Counts = readonly [number, number, number];

function counted(counts: Counts, seconds: number): CountedTraffic {
  return { edges: counts[0] === 0 ? [] : [edge(counts)], seconds };
}

function edge([attempts, denied, failed]: Counts, of: Partial<EdgeCounts> = {}): EdgeCounts {
  return { reporter: 'source', caller: 'a', callee: 'b', attempts, denied, failed, ...of };
}
