import { useStore } from '../live/store-context.js';
import { formatMs, formatRate, formatShare, plural } from '../view-model/format.js';
import type { Dot, Line } from '../view-model/graph-elements.js';
import type { GraphStage } from './graph-stage.js';

/** What the pointer is on, in a few words. The same is in the panel and the list, so it is hidden from readers. */
export function GraphTooltip({ stage }: { readonly stage: GraphStage }) {
  const store = useStore();
  const pointer = stage.pointer.value;
  const elements = store.elements.value;
  if (pointer === null || elements === null) return null;
  const dot = elements.dots.find((candidate) => candidate.id === pointer.id);
  const line = elements.lines.find((candidate) => candidate.id === pointer.id);
  const left = pointer.at.x + 250 > (stageWidth() ?? 1e9) ? pointer.at.x - 246 : pointer.at.x + 14;
  return (
    <div
      class="tooltip"
      aria-hidden="true"
      style={{ left: `${left}px`, top: `${pointer.at.y + 14}px` }}
    >
      {dot !== undefined && <DotFacts dot={dot} />}
      {line !== undefined && <LineFacts line={line} />}
    </div>
  );
}

function DotFacts({ dot }: { readonly dot: Dot }) {
  if (dot.health === 'unknown') {
    return (
      <>
        <strong>{dot.id}</strong>
        <span class="muted">not a service of the catalog</span>
      </>
    );
  }
  return (
    <>
      <strong>{dot.id}</strong>
      <span class="muted">
        {dot.team} · {dot.product}
      </span>
      <span>
        {dot.health}
        {dot.alert === 'ok' ? '' : ` · alert: ${dot.alert}`} · {dot.ready}/
        {plural(dot.instances, 'instance')} ready
      </span>
      <Figures traffic={dot.traffic} />
    </>
  );
}

function LineFacts({ line }: { readonly line: Line }) {
  return (
    <>
      <strong>
        {line.caller} → {line.callee}
      </strong>
      {line.kind === 'denied' ? (
        <span class="danger">denied ×{line.deniedCount}: no rule allows this</span>
      ) : (
        <Figures traffic={line.traffic} />
      )}
    </>
  );
}

function Figures({ traffic }: { readonly traffic: Dot['traffic'] }) {
  if (traffic.requestsPerSecond === 0) return <span class="muted">no traffic now</span>;
  return (
    <span>
      {formatRate(traffic.requestsPerSecond)} · {formatShare(traffic.errorRate)} errors · p95{' '}
      {formatMs(traffic.p95Ms)}
    </span>
  );
}

function stageWidth(): number | undefined {
  return document.querySelector('.graph-host')?.clientWidth;
}
