import { computed, type Signal, signal, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { GraphStage } from '../graph/graph-stage.js';
import type { LayoutClient } from '../layout/layout-client.js';
import type { KeyValueStore } from '../layout/remembered-positions.js';
import type { Store } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { plural } from '../view-model/format.js';
import type { Selection } from '../view-model/route.js';
import { nearChange } from './near-change.js';
import {
  type ChangePreview,
  changedEdges,
  type EdgeFate,
  type PreviewPicture,
  previewElements,
} from './preview-elements.js';

export interface PreviewGraphProps {
  readonly picture: PreviewPicture;
  readonly preview: ChangePreview;
  /** What stands out; the lists beside the graph set it too. */
  readonly selection: Signal<Selection | null>;
  readonly layout: LayoutClient;
  readonly storage: KeyValueStore | null;
}

/** The graph of a change; dots stand where they stand in the live graph. */
export function PreviewGraph(props: PreviewGraphProps) {
  const { preview, selection, layout, storage } = props;
  const live = useStore();
  const picture = useMemo(
    () => nearChange(props.picture, changedEdges(preview)),
    [props.picture, preview],
  );
  const host = useRef<HTMLDivElement>(null);
  const key = useRef<HTMLUListElement>(null);
  const stage = useSignal<GraphStage | null>(null);
  const store = useMemo(
    () => storeOf(live, picture, preview, selection),
    [live, picture, preview, selection],
  );
  useEffect(() => {
    if (host.current === null) return;
    const insets = () => {
      const top = (key.current?.offsetHeight ?? 0) + keyGap;
      return { left: 0, right: 0, top, bottom: 44, sheet: 0 };
    };
    const parts = { host: host.current, store, layout, storage, insets, meshName: picture.mesh };
    const created = new GraphStage(parts);
    stage.value = created;
    return () => {
      stage.value = null;
      created.close();
    };
  }, [store, layout, storage, stage, picture]);
  const changed = changedEdges(preview);
  const placed =
    stage.value !== null &&
    !stage.value.arranging.value &&
    Object.keys(stage.value.positions.value).length > 0;
  return (
    <section
      class="graph preview-graph"
      aria-label="Graph of the change"
      data-arranging={!placed}
      data-lines={store.elements.value?.lines.length ?? 0}
    >
      <div
        class="graph-host"
        ref={host}
        role="img"
        aria-label={`Graph of ${plural(picture.services.length, 'service')}, ${plural(changed.length, 'line')} changed. The lists beside it say the same.`}
      />
      <Key
        preview={preview}
        list={key}
        drawn={picture.services.length}
        all={props.picture.services.length}
      />
      <fieldset class="graph-controls">
        <legend class="visually-hidden">Graph controls</legend>
        <span class="button-group">
          <button type="button" aria-label="Zoom out" onClick={() => stage.value?.zoomBy(1 / 1.3)}>
            −
          </button>
          <button type="button" aria-label="Show everything" onClick={() => stage.value?.fit()}>
            Fit
          </button>
          <button type="button" aria-label="Zoom in" onClick={() => stage.value?.zoomBy(1.3)}>
            +
          </button>
        </span>
      </fieldset>
    </section>
  );
}

/** Pixels around the key. */
const keyGap = 16;

const fates: readonly (readonly [EdgeFate, string])[] = [
  ['added', 'added'],
  ['removed', 'removed'],
  ['widened', 'widened'],
  ['narrowed', 'narrowed'],
  ['both', 'widened and narrowed'],
];

function Key(props: {
  readonly preview: ChangePreview;
  readonly list: RefObject<HTMLUListElement>;
  /** Services. */
  readonly drawn: number;
  readonly all: number;
}) {
  const { preview, list, drawn, all } = props;
  const changed = changedEdges(preview);
  return (
    <ul class="preview-key" aria-label="Key" ref={list}>
      {fates.flatMap(([fate, words]) => {
        const count = changed.filter((edge) => edge.fate === fate).length;
        return count === 0
          ? []
          : [
              <li key={fate} class={`fate-${fate}`}>
                <svg width="26" height="10" viewBox="0 0 26 10" aria-hidden="true">
                  <path
                    d="M1 5H25"
                    stroke="currentColor"
                    stroke-width={fate === 'added' ? 4 : 3}
                    stroke-dasharray={fate === 'removed' ? '6 4' : undefined}
                  />
                </svg>
                {count} {words}
              </li>,
            ];
      })}
      <li class="muted">
        <svg width="26" height="10" viewBox="0 0 26 10" aria-hidden="true">
          <path d="M1 5H25" stroke="currentColor" stroke-width="1" opacity="0.6" />
        </svg>
        as before
        {drawn < all && ` (near the change: ${drawn} of ${plural(all, 'service')})`}
      </li>
    </ul>
  );
}

/** The page's store with the change's picture in place of the live one, and a selection of its own. */
function storeOf(
  live: Store,
  picture: PreviewPicture,
  preview: ChangePreview,
  selection: Signal<Selection | null>,
): Store {
  const elements = computed(() => previewElements(picture, preview, live.theme.value));
  return {
    ...live,
    elements,
    hovered: signal(null),
    lineFigures: signal('looked'),
    motion: signal(false),
    matches: computed(() => {
      const query = live.query.value.trim().toLowerCase();
      if (query === '') return null;
      const { services } = picture;
      return new Set(services.map(({ name }) => name).filter((name) => name.includes(query)));
    }),
    route: computed(() => ({ ...live.route.value, selection: selection.value })),
    navigate: (change) => {
      if (change.selection !== undefined) selection.value = change.selection;
    },
  };
}
