import { SelectLink } from '../components/select-link.js';
import { useStore } from '../live/store-context.js';
import { formatAgo } from '../view-model/format.js';
import { groupDenials } from '../view-model/graph-elements.js';
import { Explanation } from './explanation.js';
import { type Ends, Owners } from './owners.js';
import { PanelFrame, Section } from './panel-frame.js';

/** What was attempted and refused between two services, and what would have to be said to allow it. */
export function DenialPanel({ caller, callee }: Ends) {
  const store = useStore();
  const denials = store.update.value?.denials ?? store.graph.value?.denials ?? [];
  const group = groupDenials(denials).find(
    (candidate) => candidate.caller === caller && candidate.callee === callee,
  );
  const exists = store.graph.value?.edges.some((edge) => edge.id === `${caller}->${callee}`);
  const now = store.lastUpdateMs.value ?? Date.now();
  return (
    <PanelFrame
      kind="Denied attempts"
      title={
        <>
          <SelectLink to={{ kind: 'service', name: caller }}>{caller}</SelectLink>
          <span class="danger"> ✕ </span>
          <SelectLink to={{ kind: 'service', name: callee }}>{callee}</SelectLink>
        </>
      }
    >
      <Owners caller={caller} callee={callee} />
      <Section title="What was attempted">
        {group === undefined ? (
          <p class="note">No attempt was denied in the last seconds.</p>
        ) : (
          <ul class="attempts">
            {group.attempts.map((attempt) => (
              <li key={`${attempt.method} ${attempt.path} ${attempt.refusedBy}`}>
                <code>
                  {attempt.method} {attempt.path}
                </code>
                <b class="danger numeric">×{attempt.count}</b>
                <span class="muted">
                  last {formatAgo(attempt.lastAtMs, now)}, refused by the sidecar of{' '}
                  {attempt.refusedBy === 'caller' ? caller : callee}
                </span>
              </li>
            ))}
          </ul>
        )}
        {exists === true && (
          <p class="note">
            The line{' '}
            <SelectLink to={{ kind: 'edge', caller, callee }}>
              {caller} → {callee}
            </SelectLink>{' '}
            exists, but not for these requests.
          </p>
        )}
      </Section>
      <Explanation caller={caller} callee={callee} />
    </PanelFrame>
  );
}
