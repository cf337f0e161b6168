import type { EdgeView, ServiceView } from '@dotline/topology-ui/api';
import { HistoryCharts } from '../charts/history-chart.js';
import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import { TeamMark } from '../components/team-mark.js';
import { TrafficFigures } from '../components/traffic-figures.js';
import { edgeTraffic, serviceTraffic } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { formatRate, formatShare, plural } from '../view-model/format.js';
import { failingFrom } from '../view-model/graph-elements.js';
import { InstanceList } from './instance-list.js';
import { ObjectiveCard } from './objective-card.js';
import { PanelFrame, Section } from './panel-frame.js';
import { RequestDecisions } from './request-decisions.js';

/** Everything about one service. What the graph knows is shown at once, the rest when it is loaded. */
export function ServicePanel({ name }: { readonly name: string }) {
  const store = useStore();
  const detail = useResource(`service ${name}`, () => store.api.service(name), 10_000);
  const graph = store.graph.value;
  const service =
    graph?.services.find((candidate) => candidate.name === name) ?? detail.content?.service;
  if (service === undefined) {
    return (
      <PanelFrame kind="Service" title={name}>
        {graph !== null && <p class="note">There is no service “{name}” in the live revision.</p>}
      </PanelFrame>
    );
  }
  const contact =
    detail.content?.owner.contact ??
    graph?.teams.find(({ name }) => name === service.team)?.contact;
  const inbound = graph?.edges.filter((edge) => edge.callee === name) ?? [];
  const outbound = graph?.edges.filter((edge) => edge.caller === name) ?? [];
  return (
    <PanelFrame kind="Service" title={name}>
      <p class="lead">{service.description}</p>
      <p class="owner">
        <TeamMark team={service.team} /> <span class="muted">ask {contact ?? '–'}</span>
      </p>
      <ul class="chips" aria-label="Properties">
        <li class={`chip health-${service.health}`}>{service.health}</li>
        <li class="chip">{service.product}</li>
        <li class="chip">{service.tier}</li>
        <li class="chip">{service.language}</li>
        <li class="chip">{service.datastore === 'none' ? 'no datastore' : service.datastore}</li>
      </ul>
      <TrafficFigures traffic={serviceTraffic(store, name)} />
      <ResourceNote resource={detail} what="history" />
      {detail.content !== null && <HistoryCharts history={detail.content.history} />}
      {service.objectives.length > 0 && (
        <Section title={plural(service.objectives.length, 'objective')}>
          {service.objectives.map((objective) => (
            <ObjectiveCard key={objective.name} objective={objective} />
          ))}
        </Section>
      )}
      <RequestDecisions callee={name} />
      <Section title={plural(service.instances.length, 'instance')}>
        <InstanceList instances={service.instances} />
      </Section>
      <EdgeList title={`Called by ${inbound.length}`} edges={inbound} end="caller" />
      <EdgeList title={`Calls ${outbound.length}`} edges={outbound} end="callee" />
      <Operations service={service} />
      <p class="source">
        Declared in <code>{service.file}</code>
      </p>
    </PanelFrame>
  );
}

interface EdgeListProps {
  readonly title: string;
  readonly edges: readonly EdgeView[];
  readonly end: 'caller' | 'callee';
}

function EdgeList({ title, edges, end }: EdgeListProps) {
  const store = useStore();
  if (edges.length === 0) return null;
  const rated = edges.map((edge) => ({ edge, traffic: edgeTraffic(store, edge.id) }));
  return (
    <Section title={title}>
      <ul class="edge-list">
        {rated.map(({ edge, traffic }) => (
          <li key={edge.id}>
            <SelectLink to={{ kind: 'edge', caller: edge.caller, callee: edge.callee }}>
              <span class="edge-name">{edge[end]}</span>
              <span class="muted">{plural(edge.operations.length, 'operation')}</span>
              <span class={traffic.errorRate >= failingFrom ? 'danger numeric' : 'numeric'}>
                {traffic.requestsPerSecond === 0
                  ? 'idle'
                  : `${formatRate(traffic.requestsPerSecond)}${
                      traffic.errorRate > 0 ? ` · ${formatShare(traffic.errorRate)} err` : ''
                    }`}
              </span>
            </SelectLink>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Operations({ service }: { readonly service: ServiceView }) {
  if (service.operations.length === 0) return null;
  return (
    <Section title={plural(service.operations.length, 'operation')}>
      <ul class="operations">
        {service.operations.map((operation) => (
          <li key={operation.id}>
            <span class="operation-id">{operation.id}</span>
            <span class={`chip small class-${operation.class}`}>{operation.class}</span>
            <code>
              {operation.method} {operation.path}
            </code>
          </li>
        ))}
      </ul>
    </Section>
  );
}
