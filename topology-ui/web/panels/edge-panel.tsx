import type { AgreedOperation } from '@dotline/model/edge';
import type { EdgeDetail } from '@dotline/topology-ui/api';
import { HistoryCharts } from '../charts/history-chart.js';
import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import { TrafficFigures } from '../components/traffic-figures.js';
import { edgeTraffic } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { formatMs, formatRate, formatShare, plural } from '../view-model/format.js';
import { EdgeShadow } from './edge-shadow.js';
import { Explanation } from './explanation.js';
import { type Ends, Owners } from './owners.js';
import { PanelFrame, Section } from './panel-frame.js';
import { RecentRequests } from './recent-requests.js';
import { RequestDecisions } from './request-decisions.js';
import { WitnessLine } from './witness-line.js';

/** Why a line exists, and what runs along it. */
export function EdgePanel({ caller, callee }: Ends) {
  const store = useStore();
  const id = `${caller}->${callee}`;
  const detail = useResource(`edge ${id}`, () => store.api.edge(caller, callee), 5_000);
  const graph = store.graph.value;
  const edge = graph?.edges.find((candidate) => candidate.id === id);
  const title = (
    <>
      <SelectLink to={{ kind: 'service', name: caller }}>{caller}</SelectLink>
      <span aria-hidden="true"> → </span>
      <span class="visually-hidden">to</span>
      <SelectLink to={{ kind: 'service', name: callee }}>{callee}</SelectLink>
    </>
  );
  if (edge === undefined) {
    return (
      <PanelFrame kind="No line" title={title}>
        {graph !== null && <Explanation caller={caller} callee={callee} />}
        <EdgeShadow caller={caller} callee={callee} />
      </PanelFrame>
    );
  }
  return (
    <PanelFrame kind="Line: an enforced rule" title={title}>
      <Owners caller={caller} callee={callee} />
      <TrafficFigures traffic={edgeTraffic(store, id)} />
      <Section title={`Why it exists: ${plural(edge.operations.length, 'operation')} agreed`}>
        {edge.operations.map((agreed) => (
          <Agreement key={agreed.operation} agreed={agreed} detail={detail.content} />
        ))}
        <p class="source">
          In this form since revision <code>{edge.revision}</code>. Requests to anything else are
          denied.
        </p>
      </Section>
      <EdgeShadow caller={caller} callee={callee} />
      <RequestDecisions
        caller={caller}
        callee={callee}
        operations={edge.operations.map(({ operation }) => operation)}
      />
      <ResourceNote resource={detail} what="history" />
      {detail.content !== null && <HistoryCharts history={detail.content.history} />}
      {detail.content !== null && <RecentRequests requests={detail.content.recent} />}
    </PanelFrame>
  );
}

interface AgreementProps {
  readonly agreed: AgreedOperation;
  readonly detail: EdgeDetail | null;
}

function Agreement({ agreed, detail }: AgreementProps) {
  const traffic = detail?.byOperation.find((each) => each.operation === agreed.operation)?.traffic;
  return (
    <article class="agreement" data-operation={agreed.operation}>
      <header>
        <strong>{agreed.operation}</strong>
        {traffic !== undefined && (
          <span class="muted numeric">
            {traffic.requestsPerSecond === 0
              ? 'idle'
              : `${formatRate(traffic.requestsPerSecond)} · ${formatShare(traffic.errorRate)} err · p95 ${formatMs(traffic.p95Ms)}`}
          </span>
        )}
      </header>
      {agreed.purposes !== undefined && <p class="muted">For: {agreed.purposes.join(', ')}</p>}
      <WitnessLine side="needed by" witness={agreed.need} />
      <WitnessLine side="granted by" witness={agreed.grant} />
    </article>
  );
}
