import type { ObjectiveView } from '@dotline/topology-ui/api';
import { ResourceNote } from '../components/resource-note.js';
import { SelectLink } from '../components/select-link.js';
import { type Column, SortableTable } from '../components/sortable-table.js';
import { TeamMark } from '../components/team-mark.js';
import { useStore } from '../live/store-context.js';
import { useResource } from '../live/use-resource.js';
import { AlertMark, BudgetBar, BurnRates, indicatorOf } from '../panels/objective-card.js';
import { formatLevel, plural } from '../view-model/format.js';
import { alertRank, byUrgency, worstBurn } from '../view-model/objective-order.js';

/** All objectives, those that need a person first. */
export function ObjectivesView() {
  const store = useStore();
  const resource = useResource('objectives', () => store.api.objectives(), 5_000);
  const { team, product } = store.route.value;
  const productOf = (name: string) =>
    store.graph.value?.services.find((service) => service.name === name)?.product;
  const rows = [...(resource.content ?? [])]
    .filter((objective) => team === null || objective.team === team)
    .filter((objective) => product === null || productOf(objective.service) === product)
    .sort(byUrgency);
  const paging = rows.filter((objective) => objective.alert === 'page').length;
  const tickets = rows.filter((objective) => objective.alert === 'ticket').length;
  return (
    <div class="page">
      <h1>Objectives</h1>
      <p class="muted">
        {plural(rows.length, 'objective')}: {paging} paging, {plural(tickets, 'ticket')}.
      </p>
      <ResourceNote resource={resource} what="objectives" />
      {resource.content !== null && (
        <SortableTable
          caption="Service level objectives, most urgent first"
          columns={columns}
          rows={rows}
          rowKey={(objective) => objective.name}
          rowClass={(objective) => `alert-${objective.alert}`}
          empty="No team has written an objective yet: they live in slo/objectives/<team>/"
        />
      )}
    </div>
  );
}

const columns: readonly Column<ObjectiveView>[] = [
  {
    name: 'Alert',
    sortKey: (objective) => alertRank[objective.alert],
    cell: (objective) => <AlertMark objective={objective} />,
  },
  {
    name: 'Objective',
    sortKey: (objective) => objective.title,
    cell: (objective) => (
      <>
        <div>{objective.title}</div>
        <code class="muted">
          {objective.file}:{objective.line}
        </code>
      </>
    ),
  },
  {
    name: 'Service',
    sortKey: (objective) => objective.service,
    cell: (objective) => (
      <SelectLink to={{ kind: 'service', name: objective.service }}>{objective.service}</SelectLink>
    ),
  },
  {
    name: 'Team',
    sortKey: (objective) => objective.team,
    cell: (objective) => <TeamMark team={objective.team} />,
  },
  {
    name: 'SLI',
    numeric: true,
    sortKey: (objective) => objective.sli,
    cell: (objective) => (
      <>
        <b>{formatLevel(objective.sli)}</b>
        <div class="muted">
          of {formatLevel(objective.target)} {indicatorOf(objective)}, {objective.windowDays} d
        </div>
      </>
    ),
  },
  {
    name: 'Budget left',
    numeric: true,
    sortKey: (objective) => objective.budgetLeft,
    cell: (objective) => <BudgetBar objective={objective} />,
  },
  {
    name: 'Burn rates',
    numeric: true,
    sortKey: worstBurn,
    cell: (objective) => <BurnRates objective={objective} />,
  },
];
