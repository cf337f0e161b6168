import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type Column, SortableTable } from '../components/sortable-table.js';
import { TeamMark } from '../components/team-mark.js';
import { formatCount, plural } from '../view-model/format.js';
import { type Selection, sameSelection } from '../view-model/route.js';
import { type ChangedEdge, type ChangePreview, changedEdges } from './preview-elements.js';

export interface PreviewDetailsProps {
  readonly preview: ChangePreview;
  readonly waysLeftOut: number;
  readonly selection: Signal<Selection | null>;
}

/** All that a preview says beside the picture; what is empty is left out. */
export function PreviewDetails({ preview, waysLeftOut, selection }: PreviewDetailsProps) {
  const { missingConsents, refusals, newReach, traffic, sidecars, edges, requestRules } = preview;
  const changed = changedEdges(preview);
  const fresh = missingConsents.filter(({ isNew }) => isNew);
  const refused = refusals.filter(({ isNew }) => isNew);
  return (
    <>
      <Part title="Edges" count={changed.length}>
        {changed.length === 0 && <p class="muted">No edge changes.</p>}
        <ul>
          {changed.map((edge) => (
            <EdgeItem key={`${edge.fate} ${edge.id}`} edge={edge} selection={selection} />
          ))}
          {edges.redefined.map(({ operation, before, after }) => (
            <li key={operation} class="preview-item">
              <span class="chip small warning">redefined</span> <strong>{operation}</strong>
              <div class="muted">
                {before.method} {before.path} ({before.class}) → {after.method} {after.path} (
                {after.class})
              </div>
            </li>
          ))}
        </ul>
      </Part>
      <Traffic traffic={traffic} />
      {requestRules.length > 0 && (
        <Part title="Requests decided one by one" count={requestRules.length}>
          <ul>
            {requestRules.map(({ operation, team, before, after }) => (
              <li key={operation} class="preview-item">
                <strong>{operation}</strong>{' '}
                {after === null ? (
                  <span>
                    no longer, by <TeamMark team={team} />
                  </span>
                ) : (
                  <span>
                    {before === null ? 'from now on' : 'as before'}, by <TeamMark team={team} />;{' '}
                    {after.fail === 'closed' ? 'refused' : 'let through'} while the authorizer is
                    away{' '}
                    <code class="muted">
                      {after.witness.file}:{after.witness.line}
                    </code>
                  </span>
                )}
              </li>
            ))}
          </ul>
        </Part>
      )}
      {fresh.length > 0 && (
        <Part title="Consent still missing" count={fresh.length}>
          <ul>
            {fresh.map(({ caller, operation, grant }) => (
              <li key={`${caller} ${operation}`} class="preview-item">
                <strong>{caller}</strong> needs <strong>{operation}</strong>: ask{' '}
                <TeamMark team={grant.team} /> <span class="muted">{grant.contact}</span>
                <pre class="preview-rego">{grant.rego}</pre>
                <code class="muted">{grant.file}</code>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {refused.length > 0 && (
        <Part title="Refused by guardrails" count={refused.length}>
          <ul>
            {refused.map(({ caller, operation, reason, guardrail }) => (
              <li key={`${caller} ${operation} ${reason}`} class="preview-item">
                <strong>{caller}</strong> may not use <strong>{operation}</strong>: {reason}{' '}
                <code class="muted">
                  {guardrail.file}:{guardrail.line}
                </code>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {newReach.length > 0 && (
        <Part title="Newly reachable" count={newReach.length}>
          <ul>
            {newReach.map(({ kind, target, from }) => (
              <li key={`${kind} ${target}`} class="preview-item">
                <strong>{target}</strong>{' '}
                {kind === 'pii-operation' && <span class="chip small class-pii">pii</span>}
                <ul class="preview-ways">
                  {from.slice(0, waysMax).map(({ service, path }) => (
                    <li key={service}>{path.join(' → ')}</li>
                  ))}
                  {from.length > waysMax && (
                    <li class="muted">and {plural(from.length - waysMax, 'more way')}</li>
                  )}
                </ul>
              </li>
            ))}
          </ul>
          {waysLeftOut > 0 && (
            <p class="muted">
              {plural(waysLeftOut, 'more way')}: <code>dotline policy diff --json</code> has all
            </p>
          )}
        </Part>
      )}
      <Part title="Sidecars" count={sidecars.changed.length}>
        <SortableTable
          caption={`${sidecars.changed.length} of ${sidecars.total} change, ${sizeOf(sidecars.changed.reduce((sum, { bytesSent }) => sum + bytesSent, 0))} sent`}
          columns={sidecarColumns}
          rows={sidecars.changed}
          rowKey={({ instance }) => instance}
          empty="No sidecar changes"
        />
      </Part>
    </>
  );
}

const waysMax = 12;

function Part(props: {
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="part preview-part" aria-label={props.title}>
      <h2>
        {props.title} <span class="muted">{props.count}</span>
      </h2>
      {props.children}
    </section>
  );
}

function EdgeItem({
  edge,
  selection,
}: {
  readonly edge: ChangedEdge;
  readonly selection: Signal<Selection | null>;
}) {
  const { caller, callee, fate, gained, lost } = edge;
  const kind = fate === 'removed' ? 'denial' : 'edge';
  const own: Selection = { kind, caller, callee };
  const isSelected = sameSelection(selection.value, own);
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // It may have been selected in the graph.
    if (isSelected) item.current?.scrollIntoView({ block: 'nearest' });
  }, [isSelected]);
  const operations = [
    ...lost.map((operation) => ['−', operation] as const),
    ...gained.map((operation) => ['+', operation] as const),
  ];
  return (
    <li class="preview-item" ref={item}>
      <button
        type="button"
        class="preview-edge"
        aria-pressed={isSelected}
        onClick={() => {
          selection.value = isSelected ? null : own;
        }}
      >
        <span class={`chip small fate-${fate}`}>{fate === 'both' ? 'changed' : fate}</span>{' '}
        <strong>
          {caller} → {callee}
        </strong>
      </button>
      <ul class="preview-operations">
        {operations.map(([sign, { operation, class: operationClass, need, grant }]) => (
          <li key={`${sign} ${operation}`}>
            <span class={sign === '+' ? 'ok' : 'danger'}>
              {sign} {operation}
            </span>{' '}
            <span class={`chip small class-${operationClass}`}>{operationClass}</span>
            <div class="muted">
              <code>
                {need.file}:{need.line}
              </code>{' '}
              <code>
                {grant.file}:{grant.line}
              </code>
            </div>
          </li>
        ))}
      </ul>
    </li>
  );
}

type DeniedTraffic = NonNullable<ChangePreview['traffic']['denied']>[number];

function Traffic({ traffic }: { readonly traffic: ChangePreview['traffic'] }) {
  const { denied, notSeen, sinceMs } = traffic;
  const since = new Date(sinceMs ?? 0).toISOString();
  const span = `since ${since.slice(0, 10)} ${since.slice(11, 16)} UTC`;
  return (
    <Part title="Traffic that would be denied" count={denied?.length ?? 0}>
      {denied === null ? (
        <p class="warning">Nobody looked: {notSeen}</p>
      ) : (
        <SortableTable
          caption={`Of what was seen ${span}`}
          columns={trafficColumns}
          rows={denied}
          rowKey={({ caller, operation }) => `${caller} ${operation}`}
          empty={`None of what was seen ${span}`}
        />
      )}
    </Part>
  );
}

const trafficColumns: readonly Column<DeniedTraffic>[] = [
  {
    name: 'Caller',
    sortKey: ({ caller }) => caller,
    cell: ({ caller }) => caller,
  },
  {
    name: 'Operation',
    sortKey: ({ operation }) => operation,
    cell: ({ operation, cause }) =>
      cause === 'redefined' ? `${operation} (redefined)` : operation,
  },
  {
    name: 'Requests/day',
    numeric: true,
    sortKey: ({ requestsPerDay }) => requestsPerDay,
    cell: ({ requestsPerDay }) => formatCount(requestsPerDay),
  },
  {
    name: 'Objectives',
    cell: ({ callerObjectives, calleeObjectives }) =>
      [...new Set([...callerObjectives, ...calleeObjectives])].join(', ') || '–',
  },
];

type SidecarChange = ChangePreview['sidecars']['changed'][number];

const sidecarColumns: readonly Column<SidecarChange>[] = [
  { name: 'Sidecar', sortKey: ({ instance }) => instance, cell: ({ instance }) => instance },
  {
    name: 'Size',
    numeric: true,
    sortKey: ({ bytesAfter }) => bytesAfter,
    cell: ({ bytesAfter }) => sizeOf(bytesAfter),
  },
  {
    name: 'Change',
    numeric: true,
    sortKey: ({ bytesAfter, bytesBefore }) => bytesAfter - bytesBefore,
    cell: ({ bytesAfter, bytesBefore, change }) =>
      change === 'changed' ? signed(bytesAfter - bytesBefore) : change,
  },
  {
    name: 'Sent',
    numeric: true,
    sortKey: ({ bytesSent }) => bytesSent,
    cell: ({ bytesSent }) => sizeOf(bytesSent),
  },
];

function sizeOf(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}

function signed(bytes: number): string {
  return `${bytes > 0 ? '+' : bytes < 0 ? '−' : '±'}${sizeOf(Math.abs(bytes))}`;
}
