import { useRef } from 'preact/hooks';
import { useStore } from '../live/store-context.js';
import { plural } from '../view-model/format.js';
import type { Dot } from '../view-model/graph-elements.js';
import type { GraphStage } from './graph-stage.js';
import { neighbourTowards } from './neighbour-towards.js';

/** Beyond this many dots the list view is the way for the keyboard. */
const anchorsMax = 300;

/**
 * A real button over every dot: one tab stop, arrow keys move to the next dot in that direction,
 * Enter opens. The pointer passes through to the graph.
 */
export function DotAnchors({ stage }: { readonly stage: GraphStage }) {
  const store = useStore();
  const buttons = useRef(new Map<string, HTMLButtonElement>());
  const dots = store.elements.value?.dots ?? [];
  const positions = stage.positions.value;
  const { product } = store.route.value;
  const { zoom, pan } = stage.viewport.value;
  if (dots.length > anchorsMax) return null;
  const shown = dots.filter((dot) => product === null || dot.product === product);
  const first = shown[0]?.id;
  const onKeyDown = (event: KeyboardEvent, id: string) => {
    const next = neighbourTowards(
      event.key,
      id,
      shown.map((dot) => dot.id),
      positions,
    );
    if (next === null) return;
    event.preventDefault();
    buttons.current.get(next)?.focus();
  };
  return (
    <div
      class="dot-anchors"
      style={{ transform: `translate(${pan.x}px, ${pan.y}px) scale(${zoom})` }}
    >
      {shown.map((dot) => {
        const at = positions[dot.id];
        if (at === undefined) return null;
        return (
          <button
            key={dot.id}
            type="button"
            class="dot-anchor"
            tabIndex={dot.id === first ? 0 : -1}
            data-service={dot.id}
            data-x={Math.round(at.x)}
            data-y={Math.round(at.y)}
            aria-label={describe(dot)}
            style={{
              left: `${at.x}px`,
              top: `${at.y}px`,
              width: `${dot.size}px`,
              height: `${dot.size}px`,
            }}
            ref={(button) => {
              if (button === null) buttons.current.delete(dot.id);
              else buttons.current.set(dot.id, button);
            }}
            onClick={() => stage.select(dot.id)}
            onKeyDown={(event) => onKeyDown(event, dot.id)}
            onFocus={() => {
              store.hovered.value = dot.id;
            }}
            onBlur={() => {
              store.hovered.value = null;
            }}
          />
        );
      })}
    </div>
  );
}

function describe(dot: Dot): string {
  if (dot.health === 'unknown') return `${dot.id}, not in the catalog`;
  const alert = dot.alert === 'ok' ? '' : `, alert ${dot.alert}`;
  const ready = `${dot.ready} of ${plural(dot.instances, 'instance')} ready`;
  return `${dot.id}, team ${dot.team}, ${dot.health}${alert}, ${ready}`;
}
