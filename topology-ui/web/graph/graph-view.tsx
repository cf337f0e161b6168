import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LayoutClient } from '../layout/layout-client.js';
import type { KeyValueStore } from '../layout/remembered-positions.js';
import type { LineFigures } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { plural } from '../view-model/format.js';
import { DotAnchors } from './dot-anchors.js';
import type { Insets } from './graph-canvas.js';
import { GraphStage } from './graph-stage.js';
import { GraphTooltip } from './graph-tooltip.js';
import { Legend } from './legend.js';

export interface GraphViewProps {
  readonly layout: LayoutClient;
  readonly storage: KeyValueStore | null;
}

/** The live graph with its legend and controls. */
export function GraphView({ layout, storage }: GraphViewProps) {
  const store = useStore();
  const host = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLElement>(null);
  const stage = useSignal<GraphStage | null>(null);
  useEffect(() => {
    if (host.current === null) return;
    const insets = () => insetsOf(area.current);
    const created = new GraphStage({ host: host.current, store, layout, storage, insets });
    stage.value = created;
    return () => {
      stage.value = null;
      created.close();
    };
  }, [store, layout, storage, stage]);
  useSignalEffect(() => {
    const figures = store.graph.value;
    if (figures !== null) document.title = `${figures.mesh} · Dotline`;
  });
  const graph = store.graph.value;
  const elements = store.elements.value;
  const denied = elements?.lines.filter((line) => line.kind === 'denied').length ?? 0;
  const placed =
    stage.value !== null &&
    !stage.value.arranging.value &&
    Object.keys(stage.value.positions.value).length > 0;
  const summary =
    graph === null
      ? 'The graph is loading'
      : `Graph of ${plural(graph.services.length, 'service')}, ${plural(graph.edges.length, 'line')}, ${plural(denied, 'denied line')}. The list view has the same as tables.`;
  return (
    <section
      class="graph"
      ref={area}
      aria-label="Service graph"
      data-dots={elements?.dots.length ?? 0}
      data-lines={elements?.lines.length ?? 0}
      data-arranging={!placed}
    >
      <div class="graph-host" ref={host} role="img" aria-label={summary} />
      {stage.value !== null && <DotAnchors stage={stage.value} />}
      {stage.value !== null && <GraphTooltip stage={stage.value} />}
      {stage.value?.arranging.value === true && (
        <p class="graph-note" role="status">
          Arranging {plural(graph?.services.length ?? 0, 'service')}…
        </p>
      )}
      <Legend />
      {stage.value !== null && <GraphControls stage={stage.value} />}
    </section>
  );
}

const figureNames: readonly (readonly [LineFigures, string])[] = [
  ['looked', 'where I look'],
  ['rate', 'requests/s'],
  ['errors', 'errors'],
  ['latency', 'p95'],
];

function GraphControls({ stage }: { readonly stage: GraphStage }) {
  const store = useStore();
  return (
    <fieldset class="graph-controls">
      <legend class="visually-hidden">Graph controls</legend>
      <label class="graph-figures">
        <span>Figures</span>
        <select
          value={store.lineFigures.value}
          onChange={(event) => {
            const chosen = figureNames.find(([value]) => value === event.currentTarget.value);
            if (chosen !== undefined) store.lineFigures.value = chosen[0];
          }}
        >
          {figureNames.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        aria-pressed={store.motion.value}
        title="Show the traffic's motion"
        onClick={() => {
          store.motion.value = !store.motion.value;
        }}
      >
        Motion
      </button>
      <button type="button" title="Arrange all dots anew" onClick={() => stage.rearrange()}>
        Arrange
      </button>
      <span class="button-group">
        <button type="button" aria-label="Zoom out" onClick={() => stage.zoomBy(1 / 1.3)}>
          −
        </button>
        <button type="button" aria-label="Show everything" onClick={() => stage.fit()}>
          Fit
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => stage.zoomBy(1.3)}>
          +
        </button>
      </span>
    </fieldset>
  );
}

/** Measures what lies over the graph: the legend at its left, the panel at its right or bottom. */
function insetsOf(area: HTMLElement | null): Insets {
  if (area === null) return { left: 0, right: 0, top: 0, bottom: 0, sheet: 0 };
  const own = area.getBoundingClientRect();
  const legend = area.querySelector('.legend-teams')?.getBoundingClientRect();
  const panel = document.querySelector('.panel')?.getBoundingClientRect();
  const narrow = own.width < 720;
  const left = narrow || legend === undefined ? 0 : Math.max(0, legend.right - own.left);
  const covered = panel !== undefined && panel.left < own.right ? panel : undefined;
  return {
    left,
    right: narrow || covered === undefined ? 0 : own.right - covered.left,
    top: narrow ? 40 : 0,
    bottom: 44,
    sheet: narrow && covered !== undefined ? Math.max(0, own.bottom - covered.top - 44) : 0,
  };
}
