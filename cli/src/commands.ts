import { formatProblem } from '@dotline/model/mesh-error';
import type { EdgeView, ObjectiveView, ServiceView, StatusView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import { rollbackText } from './audit-text.js';
import { ExitCode } from './exit-code.js';
import {
  milliseconds,
  percent,
  revisionLine,
  shortened,
  TRAFFIC_HEAD,
  table,
  trafficCells,
} from './format.js';
import { rolloutLines } from './rollout-lines.js';

/** What one command says: text for a person, a value for a machine, an exit code for a script. */
export interface Answer {
  readonly text: string;
  readonly value: unknown;
  readonly exitCode: ExitCode;
}

/** `dotline status`: 0 only when every sidecar holds the live revision and nothing is wrong in the mesh directory. */
export function statusAnswer(status: StatusView): Answer {
  const lagging = status.sidecars.filter(({ holdsLiveRevision }) => !holdsLiveRevision);
  const rejects = status.sidecars.some(({ rejected }) => rejected.length > 0);
  const lines = [
    status.revision === null
      ? colours.red('no revision is live yet')
      : revisionLine(status.revision),
    // One that came of itself is told with its reasons below.
    ...(status.revision?.rollback && status.rollout?.state !== 'rolled-back'
      ? [colours.yellow(rollbackText(status.revision.rollback))]
      : []),
    `${status.sidecars.length - lagging.length} of ${status.sidecars.length} sidecars hold it`,
    ...(status.rollout === null ? [] : rolloutLines(status.rollout, Date.now())),
    ...lagging.map((sidecar) =>
      colours.yellow(
        `  ${sidecar.instance}: ${sidecar.connected ? `holds ${sidecar.revision ?? 'nothing yet'}` : 'not connected'}`,
      ),
    ),
    ...status.sidecars.flatMap(({ instance, rejected }) =>
      rejected.map(({ resource, detail, team, file, line }) =>
        colours.red(
          `  ${instance} rejected ${resource}: ${shortened(detail)}${file === undefined ? '' : ` (${file}:${line ?? 1} of team ${team})`}`,
        ),
      ),
    ),
    ...(rejects ? ['dotline proxy status says since when, and in which revision'] : []),
    ...status.problems.map((problem) => colours.red(formatProblem(problem))),
    ...status.unavailable.map(({ part, reason }) =>
      colours.red(`${part} does not answer: ${reason}`),
    ),
  ];
  if (status.problems.length > 0)
    lines.push('The last good revision stays live until this is mended.');
  return {
    text: lines.join('\n'),
    value: status,
    exitCode: status.converged ? ExitCode.ok : ExitCode.no,
  };
}

/** `dotline services`. */
export function servicesAnswer(services: readonly ServiceView[]): Answer {
  const rows = services.map((service) => [
    service.name,
    service.team,
    service.product,
    service.tier,
    service.health,
    `${service.instances.filter(({ state }) => state === 'ready').length}/${service.instances.length}`,
    ...trafficCells(service.traffic),
  ]);
  return {
    text: table(['service', 'team', 'product', 'tier', 'health', 'ready', ...TRAFFIC_HEAD], rows),
    value: services,
    exitCode: ExitCode.ok,
  };
}

/** `dotline edges`. */
export function edgesAnswer(edges: readonly EdgeView[]): Answer {
  const rows = edges.map((edge) => [
    edge.caller,
    edge.callee,
    edge.operations.map(({ operation }) => operation.slice(edge.callee.length + 1)).join(', '),
    ...trafficCells(edge.traffic),
  ]);
  return {
    text: table(['caller', 'callee', 'operations', ...TRAFFIC_HEAD], rows),
    value: edges,
    exitCode: ExitCode.ok,
  };
}

/** `dotline slo`: 1 while an objective pages. */
export function objectivesAnswer(objectives: readonly ObjectiveView[]): Answer {
  const rows = objectives.map((objective) => [
    objective.name,
    objective.service,
    objective.team,
    objective.indicator === 'latency' ? `< ${milliseconds(objective.thresholdMs)}` : 'availability',
    percent(objective.target, 2),
    percent(objective.sli, 3),
    percent(objective.budgetLeft),
    objective.burnRates[0] === undefined
      ? '-'
      : `${objective.burnRates[0].burnRate.toFixed(1)} (${objective.burnRates[0].window})`,
    objective.evaluatedAtMs === null ? 'not evaluated yet' : alertText(objective),
  ]);
  return {
    text: table(
      [
        'objective',
        'service',
        'team',
        'indicator',
        'target',
        'SLI',
        'budget left',
        'burn rate',
        'alert',
      ],
      rows,
    ),
    value: objectives,
    exitCode: objectives.some(({ alert }) => alert === 'page') ? ExitCode.no : ExitCode.ok,
  };
}

/** An objective that too few requests were counted for is neither met nor missed. */
function alertText({ alert, total, eventsNeeded }: ObjectiveView): string {
  if (alert === 'ok' && total < eventsNeeded) {
    return colours.dim(`too little traffic yet (${total} of ${eventsNeeded} requests)`);
  }
  return { ok: colours.green, ticket: colours.yellow, page: colours.red }[alert](alert);
}
