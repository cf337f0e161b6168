import type { Explanation } from '@dotline/policies/explain';
import type { GraphView } from '@dotline/topology-ui/api';

/** What the policies compiler would say about a caller and a callee without an edge. */
export function exampleExplanation(
  graph: GraphView,
  from: string,
  to: string,
): Explanation | undefined {
  const caller = graph.services.find((service) => service.name === from);
  const callee = graph.services.find((service) => service.name === to);
  if (caller === undefined || callee === undefined) return undefined;
  const edge = graph.edges.find((candidate) => candidate.id === `${from}->${to}`);
  return {
    from,
    to,
    verdict: edge === undefined ? 'blocked' : 'allowed',
    summary: `${from} may not call ${to}: team ${caller.team} states no need and team ${callee.team} grants nothing to it.`,
    operations: callee.operations.map((operation) => ({
      operation: operation.id,
      class: operation.class,
      state: 'blocked',
      purposes: ['support'],
      optional: false,
      grantedTo: ['service orders'],
      refusals: [],
      missing: [
        {
          side: 'need',
          team: caller.team,
          contact: `#${caller.team}`,
          file: `policies/teams/${caller.team}/needs.rego`,
          packageLine: `package mesh.teams.${caller.team.replaceAll('-', '_')}`,
          rego: `needs contains {"service": "${from}", "operation": "${operation.id}"}`,
        },
        {
          side: 'grant',
          team: callee.team,
          contact: `#${callee.team}`,
          file: `policies/teams/${callee.team}/grants.rego`,
          packageLine: `package mesh.teams.${callee.team.replaceAll('-', '_')}`,
          rego: `grants contains {"operation": "${operation.id}", "caller": {"service": "${from}"}}`,
        },
      ],
    })),
  };
}
