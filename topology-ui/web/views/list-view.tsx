import type { EdgeView, ServiceView, TrafficView } from '@dotline/topology-ui/api';
import { SelectLink } from '../components/select-link.js';
import { type Column, SortableTable } from '../components/sortable-table.js';
import { TeamMark } from '../components/team-mark.js';
import { edgeTraffic, serviceTraffic } from '../live/store.js';
import { useStore } from '../live/store-context.js';
import { formatMs, formatRate, formatShare, plural } from '../view-model/format.js';
import { type DenialGroup, failingFrom, groupDenials } from '../view-model/graph-elements.js';

/** The graph as tables: for readers, keyboards, narrow screens, and for sorting. */
export function ListView() {
  const store = useStore();
  const graph = store.graph.value;
  if (graph === null) return null;
  const { team, product } = store.route.value;
  const matches = store.matches.value;
  const byName = new Map(graph.services.map((service) => [service.name, service]));
  const wanted = (name: string) => {
    const service = byName.get(name);
    if (matches !== null && !matches.has(name)) return false;
    if (service === undefined) return team === null && product === null;
    return (
      (team === null || service.team === team) && (product === null || service.product === product)
    );
  };
  const denials = groupDenials(store.update.value?.denials ?? graph.denials);
  return (
    <div class="list-view">
      <SortableTable
        caption="Services"
        columns={serviceColumns((name) => serviceTraffic(store, name))}
        rows={graph.services.filter((service) => wanted(service.name))}
        rowKey={(service) => service.name}
        empty="No service matches"
      />
      <SortableTable
        caption="Lines: enforced rules"
        columns={edgeColumns((id) => edgeTraffic(store, id))}
        rows={graph.edges.filter((edge) => wanted(edge.caller) || wanted(edge.callee))}
        rowKey={(edge) => edge.id}
        empty="No line matches"
      />
      <SortableTable
        caption="Denied attempts"
        columns={denialColumns}
        rows={denials.filter((group) => wanted(group.caller) || wanted(group.callee))}
        rowKey={(group) => `${group.caller}->${group.callee}`}
        empty="Nothing was denied in the last seconds"
      />
    </div>
  );
}

type TrafficOf = (id: string) => TrafficView;

function serviceColumns(trafficOf: TrafficOf): readonly Column<ServiceView>[] {
  return [
    {
      name: 'Service',
      sortKey: (service) => service.name,
      cell: (service) => (
        <SelectLink to={{ kind: 'service', name: service.name }}>{service.name}</SelectLink>
      ),
    },
    {
      name: 'Team',
      sortKey: (service) => service.team,
      cell: (service) => <TeamMark team={service.team} />,
    },
    {
      name: 'Health',
      wideOnly: true,
      sortKey: (service) => ['down', 'degraded', 'healthy'].indexOf(service.health),
      cell: (service) => <span class={`health-${service.health}`}>{service.health}</span>,
    },
    {
      name: 'Ready',
      wideOnly: true,
      numeric: true,
      sortKey: (service) => service.instances.length,
      cell: (service) =>
        `${service.instances.filter(({ state }) => state === 'ready').length}/${service.instances.length}`,
    },
    ...trafficColumns<ServiceView>((service) => trafficOf(service.name)),
  ];
}

function edgeColumns(trafficOf: TrafficOf): readonly Column<EdgeView>[] {
  return [
    {
      name: 'Line',
      sortKey: (edge) => edge.id,
      cell: (edge) => (
        <SelectLink to={{ kind: 'edge', caller: edge.caller, callee: edge.callee }}>
          {edge.caller} → {edge.callee}
        </SelectLink>
      ),
    },
    {
      name: 'Team',
      wideOnly: true,
      sortKey: (edge) => edge.team,
      cell: (edge) => <TeamMark team={edge.team} />,
    },
    {
      name: 'Operations',
      wideOnly: true,
      sortKey: (edge) => edge.operations.length,
      cell: (edge) => (
        <span title={edge.operations.map(({ operation }) => operation).join(', ')}>
          {plural(edge.operations.length, 'operation')}
        </span>
      ),
    },
    ...trafficColumns<EdgeView>((edge) => trafficOf(edge.id)),
  ];
}

function trafficColumns<Row>(trafficOf: (row: Row) => TrafficView): readonly Column<Row>[] {
  return [
    {
      name: 'Requests',
      numeric: true,
      sortKey: (row) => trafficOf(row).requestsPerSecond,
      cell: (row) => <span data-cell="rate">{formatRate(trafficOf(row).requestsPerSecond)}</span>,
    },
    {
      name: 'Errors',
      numeric: true,
      sortKey: (row) => trafficOf(row).errorRate,
      cell: (row) => {
        const { errorRate } = trafficOf(row);
        return (
          <span class={errorRate >= failingFrom ? 'danger' : ''}>{formatShare(errorRate)}</span>
        );
      },
    },
    {
      name: 'p95',
      numeric: true,
      sortKey: (row) => trafficOf(row).p95Ms,
      cell: (row) => formatMs(trafficOf(row).p95Ms),
    },
  ];
}

const denialColumns: readonly Column<DenialGroup>[] = [
  {
    name: 'Denied',
    sortKey: (group) => `${group.caller} ${group.callee}`,
    cell: (group) => (
      <SelectLink to={{ kind: 'denial', caller: group.caller, callee: group.callee }}>
        {group.caller} <span class="danger">✕</span> {group.callee}
      </SelectLink>
    ),
  },
  {
    name: 'Request',
    cell: (group) => (
      <code>
        {group.attempts[0]?.method} {group.attempts[0]?.path}
        {group.attempts.length > 1 ? ` and ${group.attempts.length - 1} more` : ''}
      </code>
    ),
  },
  {
    name: 'Refused by',
    wideOnly: true,
    cell: (group) => [...new Set(group.attempts.map((attempt) => attempt.refusedBy))].join(', '),
  },
  {
    name: 'Attempts',
    numeric: true,
    sortKey: (group) => group.count,
    cell: (group) => group.count,
  },
];
