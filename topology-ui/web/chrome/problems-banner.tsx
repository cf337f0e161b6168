import { ProblemList } from '../components/problem-list.js';
import { RejectionList } from '../components/rejection-list.js';
import { trafficProblem } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { plural } from '../view-model/format.js';
import { rejectionGroups } from '../view-model/rejections.js';
import { heldText, liveRollbackText } from '../view-model/rollback-text.js';
import { rolloutSummary } from '../view-model/rollout-summary.js';

/** What is wrong in the mesh directory, what sidecars refuse, and what of the picture is missing. */
export function ProblemsBanner() {
  const store = useStore();
  const graph = store.graph.value;
  const problems = graph?.problems ?? [];
  const rollout = graph?.rollout ?? null;
  // One that came of itself is told with its reasons.
  const byItself = rollout?.state === 'rolled-back';
  const rollback = byItself ? null : (graph?.revision.rollback ?? null);
  const refused = graph === null ? [] : rejectionGroups(graph);
  const refusing = new Set(refused.flatMap(({ sidecars }) => sidecars)).size;
  const traffic = trafficProblem(store);
  const { state, reason } = store.connection.value;
  return (
    <>
      {problems.length > 0 && (
        <details class="banner danger" role="alert" open={problems.length <= 3}>
          <summary>
            {plural(problems.length, 'problem')} in the mesh directory. The last good revision stays
            live.
          </summary>
          <ProblemList problems={problems} />
        </details>
      )}
      {rollout !== null && rollout.reasons.length > 0 && (
        <details class="banner danger" role="alert" open={true}>
          <summary>{rolloutSummary(rollout)}</summary>
          <ul>
            {rollout.reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
          {byItself && graph?.revision.rollback != null && (
            <p>{heldText(graph.revision.rollback)}</p>
          )}
        </details>
      )}
      {rollout !== null && rollout.reasons.length === 0 && (
        <p class="banner warning" role="status">
          {rolloutSummary(rollout)}
        </p>
      )}
      {rollback !== null && (
        <p class="banner warning" role="status">
          {liveRollbackText(rollback)}
        </p>
      )}
      {refused.length > 0 && (
        <details class="banner danger" role="alert" open={refused.length <= 3}>
          <summary>
            Refused by {plural(refusing, 'sidecar')}, with the version before still in use there;
            everything else goes on.
          </summary>
          <RejectionList groups={refused} />
        </details>
      )}
      {traffic !== null && state === 'live' && (
        <p class="banner warning" role="status">
          Live figures are incomplete: {traffic}
        </p>
      )}
      {state === 'reconnecting' && (
        <p class="banner warning" role="status">
          Reconnecting: {reason ?? 'the page server is gone'}. What you see is the last known state.
        </p>
      )}
    </>
  );
}
