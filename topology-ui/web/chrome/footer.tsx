import { useStore } from '../live/store-context.js';
import { enforcementOf } from '../view-model/enforcement.js';
import { formatAgo, plural, shortCommit } from '../view-model/format.js';
import { formatRoute } from '../view-model/route.js';

/** The live revision and how far it is enforced. */
export function Footer() {
  const store = useStore();
  const graph = store.graph.value;
  if (graph === null) return null;
  const { revision } = graph;
  const enforcement = enforcementOf(graph);
  const now = store.lastUpdateMs.value ?? Date.now();
  return (
    <footer class="footer" data-revision={revision.id}>
      <span>
        revision <code>{revision.id}</code>
      </span>
      {revision.commit !== null && (
        <span>
          commit <code title={revision.commit}>{shortCommit(revision.commit)}</code>
        </span>
      )}
      <a
        class={enforcement.complete ? 'ok' : 'warning'}
        href={formatRoute({ ...store.route.value, view: 'sidecars' })}
      >
        <span aria-hidden="true">{enforcement.complete ? '✓' : '…'}</span> {enforcement.text}
      </a>
      <span class="wide-only">made {formatAgo(revision.createdAtMs, now)}</span>
      <span class="wide-only footer-end">
        {plural(graph.services.length, 'service')} · {plural(graph.edges.length, 'line')}
      </span>
    </footer>
  );
}
