import { ResourceNote } from '../components/resource-note.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { formatAgo, formatMs, shortCommit } from '../view-model/format.js';
import { rollbackText } from '../view-model/rollback-text.js';

/** What went live lately, newest first. */
export function RevisionHistory() {
  const store = useStore();
  const resource = useResource('revisions', () => store.api.revisions(), 5_000);
  const history = resource.content?.history ?? [];
  return (
    <section aria-labelledby="revision-history">
      <h2 id="revision-history">Revisions</h2>
      <ResourceNote resource={resource} what="history of revisions" />
      <ol class="history">
        {history.map((time) => (
          <li key={`${time.revision} ${time.liveAtMs}`}>
            <code>{time.revision}</code>
            {time.commit !== null && (
              <>
                {' of commit '}
                <code title={time.commit}>{shortCommit(time.commit)}</code>
                {time.author !== null && ` by ${time.author}`}
              </>
            )}
            , live {formatAgo(time.liveAtMs, Date.now())}: +{time.edges.added} −{time.edges.removed}{' '}
            edges
            {time.enforcedInMs !== null && `, enforced in ${formatMs(time.enforcedInMs)}`}
            {time.rollback !== null && `. ${rollbackText(time.rollback)}`}
          </li>
        ))}
      </ol>
    </section>
  );
}
