import type { Target } from './results.js';

/** So many times less than the peer. */
function fraction(scenario: string, metric: string, times: number, goal?: number): Target {
  return {
    scenario,
    metric,
    says: `≤ 1/${times}${goal === undefined ? '' : ` (goal 1/${goal})`}`,
    met: (ours, peer) => (peer === undefined ? undefined : ours <= peer / times),
  };
}

function atMost(scenario: string, metric: string, limit: number, unit: string): Target {
  return { scenario, metric, says: `≤ ${limit} ${unit}`, met: (ours) => ours <= limit };
}

/** What the library is held to; see docs/performance.md. */
export const targets: readonly Target[] = [
  {
    scenario: 'initial-sync',
    metric: 'all, ms',
    says: 'no slower',
    met: (ours, peer) => (peer === undefined ? undefined : ours <= peer),
  },
  atMost('memory', 'a stream, KiB', 80, 'KiB'),
  fraction('one-endpoint', 'p99, ms', 4, 5),
  fraction('one-endpoint', 'server CPU a change, ms', 5),
  atMost('restart', 'unchanged resources sent again', 0, ''),
  atMost('dotline', 'p99, ms', 400, 'ms'),
  atMost('dotline', 'server CPU after the compile, ms', 169, 'ms'),
  atMost('dotline', 'bytes a sidecar', 1_023, 'B'),
];
