import type { PreviewView as Stored } from '@dotline/topology-ui/policy-view';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ProblemList } from '../components/problem-list.js';
import { ResourceNote } from '../components/resource-note.js';
import type { LayoutClient } from '../layout/layout-client.js';
import type { KeyValueStore } from '../layout/remembered-positions.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import type { Selection } from '../view-model/route.js';
import { PreviewDetails } from './preview-details.js';
import { PreviewGraph } from './preview-graph.js';

export interface PreviewViewProps {
  readonly layout: LayoutClient;
  readonly storage: KeyValueStore | null;
}

/** What a change would do before it is made, as `dotline policy diff --page` computed it. */
export function PreviewView({ layout, storage }: PreviewViewProps) {
  const store = useStore();
  const { preview: id } = store.route.value;
  const resource = useResource(`preview ${id ?? ''}`, () => store.api.preview(id ?? ''), null);
  const stored = resource.content;
  useEffect(() => {
    if (stored !== null) document.title = `${stored.page.head} · preview · Dotline`;
  }, [stored]);
  if (id === undefined) {
    return (
      <div class="page">
        <h1>Preview</h1>
        <p class="note muted">
          <code>dotline policy diff --page</code> makes one and names its address.
        </p>
      </div>
    );
  }
  if (stored === null) {
    return (
      <div class="page">
        <h1>Preview</h1>
        <ResourceNote resource={resource} what="preview" />
      </div>
    );
  }
  return <Shown key={stored.id} stored={stored} layout={layout} storage={storage} />;
}

function Shown({ stored, layout, storage }: PreviewViewProps & { readonly stored: Stored }) {
  const selection = useSignal<Selection | null>(null);
  const { base, head, verdict, problems, preview, picture } = stored.page;
  const state = preview?.verdict ?? 'unsafe';
  return (
    <div class="preview">
      {preview !== null && picture !== null && (
        <PreviewGraph
          picture={picture}
          preview={preview}
          selection={selection}
          layout={layout}
          storage={storage}
        />
      )}
      <article class="preview-details" aria-label="Preview of a change">
        <h1>
          {base} <span class="muted">→</span> {head}
        </h1>
        <p class={`preview-verdict verdict-${state}`} role="status">
          {signs[state]} {verdict}
        </p>
        <p class="source">
          Computed on {dayAndTime(stored.createdAtMs)}, kept until {dayAndTime(stored.expiresAtMs)}
        </p>
        {problems.length > 0 && <ProblemList problems={problems} />}
        {preview !== null && (
          <PreviewDetails
            preview={preview}
            waysLeftOut={stored.page.waysLeftOut}
            selection={selection}
          />
        )}
      </article>
    </div>
  );
}

const signs = { safe: '✓', unsafe: '✕', unknown: '?' };

function dayAndTime(atMs: number): string {
  const text = new Date(atMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}
