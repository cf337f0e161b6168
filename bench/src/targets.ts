/** What is to be reached, against peers in the same run or in itself. */
export interface Target {
  readonly scenario: string;
  readonly metric: string;
  readonly says: string;
  /** Servers of which the best is the peer. */
  readonly against: readonly string[];
  /** @param peer the least that one of `against` took, if one was measured */
  met(ours: number, peer: number | undefined): boolean | undefined;
}

const goControlPlane = ['go-control-plane'];
/** Istio is the better of both: with the waiting that it has by default, and without. */
const istio = ['istio', 'istio-debounced'];

/** Servers that ours is set against. */
export const peerNames: readonly string[] = [...goControlPlane, ...istio, 'istio-scoped'];

/** So much of what the peer takes. */
function fraction(
  scenario: string,
  metric: string,
  says: string,
  times: number,
  against = goControlPlane,
): Target {
  return {
    scenario,
    metric,
    says,
    against,
    met: (ours, peer) => (peer === undefined ? undefined : ours <= peer / times),
  };
}

function atMost(scenario: string, metric: string, limit: number, unit: string): Target {
  const says = `≤ ${limit} ${unit}`.trim();
  return { scenario, metric, says, against: [], met: (ours) => ours <= limit };
}

/** What ours is held to; see docs/performance.md. */
export const targets: readonly Target[] = [
  fraction('initial-sync', 'all, ms', 'no slower', 1),
  atMost('memory', 'a stream, KiB', 80, 'KiB'),
  fraction('one-endpoint', 'p99, ms', '≤ 1/4 (goal 1/5)', 4),
  fraction('one-endpoint', 'p99, ms', '≤ istio', 1, ['istio']),
  fraction('one-endpoint', 'server CPU a change, ms', '≤ 1/5', 5),
  atMost('restart', 'unchanged resources sent again', 0, ''),
  atMost('dotline', 'p99, ms', 400, 'ms'),
  fraction('dotline', 'server CPU after the compile, ms', "≤ 1/3 of Istio's", 3, istio),
  atMost('dotline', 'bytes a sidecar', 1_023, 'B'),
];
