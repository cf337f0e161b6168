import type { SidecarView } from '@dotline/topology-ui/api';
import { ProblemList } from '../components/problem-list.js';
import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import { type Column, SortableTable } from '../components/sortable-table.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { SidecarState } from '../panels/instance-list.js';
import { RevisionHistory } from '../panels/revision-history.js';
import { formatClock, plural } from '../view-model/format.js';

/** What each sidecar holds, and what of the platform does not answer. */
export function SidecarsView() {
  const store = useStore();
  const resource = useResource('status', () => store.api.status(), 3_000);
  const status = resource.content;
  if (status === null) {
    return (
      <div class="page">
        <h1>Sidecars</h1>
        <ResourceNote resource={resource} what="status" />
      </div>
    );
  }
  const holding = status.sidecars.filter((sidecar) => sidecar.holdsLiveRevision).length;
  const lagging = [...status.sidecars].sort((a, b) => rank(a) - rank(b));
  return (
    <div class="page">
      <h1>Sidecars</h1>
      <ResourceNote resource={resource} what="status" />
      <p class={status.converged ? 'ok' : 'warning'}>
        {status.converged ? '✓ Converged' : '… Not converged'}: {holding} of{' '}
        {plural(status.sidecars.length, 'sidecar')} hold{' '}
        {status.revision === null ? (
          'the live revision, and there is none yet'
        ) : (
          <>
            revision <code>{status.revision.id}</code>, made at{' '}
            {formatClock(status.revision.createdAtMs)}
          </>
        )}
        .
      </p>
      {status.unavailable.map((part) => (
        <p key={part.part} class="note danger">
          ✕ {part.part} does not answer: {part.reason}
        </p>
      ))}
      {status.problems.length > 0 && (
        <>
          <h2>Problems in the mesh directory</h2>
          <ProblemList problems={status.problems} />
        </>
      )}
      <SortableTable
        caption="Sidecars, those that lag first"
        columns={columns}
        rows={lagging}
        rowKey={(sidecar) => sidecar.instance}
        empty="No instance is registered yet"
      />
      <RevisionHistory />
    </div>
  );
}

function rank(sidecar: SidecarView): number {
  if (sidecar.rejected.length > 0) return 0;
  if (!sidecar.connected) return 1;
  return sidecar.holdsLiveRevision ? 3 : 2;
}

const columns: readonly Column<SidecarView>[] = [
  { name: 'Instance', sortKey: (sidecar) => sidecar.instance, cell: (sidecar) => sidecar.instance },
  {
    name: 'Service',
    sortKey: (sidecar) => sidecar.service,
    cell: (sidecar) => (
      <SelectLink to={{ kind: 'service', name: sidecar.service }}>{sidecar.service}</SelectLink>
    ),
  },
  { name: 'State', sortKey: rank, cell: (sidecar) => <SidecarState sidecar={sidecar} /> },
  {
    name: 'Connected',
    sortKey: (sidecar) => Number(sidecar.connected),
    cell: (sidecar) => (sidecar.connected ? 'yes' : 'no'),
  },
  {
    name: 'Revision held',
    sortKey: (sidecar) => sidecar.revision,
    cell: (sidecar) => <code>{sidecar.revision ?? '–'}</code>,
  },
  {
    name: 'Refused resources',
    sortKey: (sidecar) => sidecar.rejected.length,
    cell: (sidecar) =>
      sidecar.rejected.length === 0 ? (
        'none'
      ) : (
        <ul class="problems">
          {sidecar.rejected.map((rejection) => (
            <li key={rejection.resource}>
              <code>{rejection.resource}</code> <span class="words">{rejection.detail}</span>
              {rejection.file !== undefined && (
                <>
                  {' '}
                  <code>
                    {rejection.file}:{rejection.line ?? 1}
                  </code>{' '}
                  of team {rejection.team}
                </>
              )}
              {rejection.revision !== undefined && (
                <>
                  , since revision <code>{rejection.revision}</code>
                </>
              )}
            </li>
          ))}
        </ul>
      ),
  },
];
