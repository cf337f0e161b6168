import type { TrafficView } from '@dotline/topology-ui/api';
import { formatMs, formatRate, formatShare } from '../view-model/format.js';
import { failingFrom } from '../view-model/graph-elements.js';

/** The figures of the last seconds as a row of tiles. */
export function TrafficFigures({ traffic }: { readonly traffic: TrafficView }) {
  const failing = traffic.requestsPerSecond > 0 && traffic.errorRate >= failingFrom;
  return (
    <dl class="figures" aria-label="Traffic now">
      <Figure name="requests" value={formatRate(traffic.requestsPerSecond)} />
      <Figure
        name="errors"
        value={formatShare(traffic.errorRate)}
        {...(failing ? { tone: 'danger' } : {})}
      />
      <Figure name="p50" value={formatMs(traffic.p50Ms)} />
      <Figure name="p95" value={formatMs(traffic.p95Ms)} />
      <Figure name="p99" value={formatMs(traffic.p99Ms)} />
      {traffic.deniedPerSecond > 0 && (
        <Figure name="denied" value={formatRate(traffic.deniedPerSecond)} tone="danger" />
      )}
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly tone?: string;
}

function Figure({ name, value, tone }: FigureProps) {
  return (
    <div class={`figure ${tone ?? ''}`}>
      <dt>{name}</dt>
      <dd data-figure={name}>{value}</dd>
    </div>
  );
}
