import { teamPackage } from '@dotline/policies/policy-unit';
import type { NetworkPolicy } from './cluster.js';
import type { ImportedEdge } from './import-policies.js';

/** The needs and grants of imported edges, one Rego file for each team, as `opa fmt` formats it. */
export function importedRego(edges: readonly ImportedEdge[]): ReadonlyMap<string, string> {
  const rules = new Map<string, string[]>();
  const add = (team: string, rule: string) => rules.set(team, [...(rules.get(team) ?? []), rule]);
  for (const edge of edges) {
    add(edge.caller.team, needText(edge));
    add(edge.callee.team, grantText(edge));
  }
  return new Map(
    [...rules]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([team, own]) => [team, `${[`package ${teamPackage(team)}`, ...own].join('\n\n')}\n`]),
  );
}

function needText({ caller, callee, operations, policies }: ImportedEdge): string {
  const [only] = operations;
  const operation = operations.length === 1 ? JSON.stringify(only?.id) : 'operation';
  const head = `needs contains {"service": ${JSON.stringify(caller.name)}, "operation": ${operation}}`;
  return [
    ...metadata(`${caller.name} calls ${callee.name}`, caller.team, policies),
    operations.length === 1 ? head : withOperations(head, operations),
  ].join('\n');
}

function grantText({ caller, callee, operations, policies }: ImportedEdge): string {
  const [only] = operations;
  const operation = operations.length === 1 ? JSON.stringify(only?.id) : 'operation';
  const head = `grants contains {"operation": ${operation}, "caller": {"service": ${JSON.stringify(caller.name)}}}`;
  return [
    ...metadata(`${caller.name} may call ${callee.name}`, callee.team, policies),
    operations.length === 1 ? head : withOperations(head, operations),
  ].join('\n');
}

function withOperations(head: string, operations: ImportedEdge['operations']): string {
  const ids = operations.map(({ id }) => JSON.stringify(id)).join(', ');
  return `${head} if {\n\tsome operation in [${ids}]\n}`;
}

function metadata(title: string, owner: string, policies: readonly NetworkPolicy[]): string[] {
  return [
    '# METADATA',
    `# title: ${JSON.stringify(title)}`,
    '# description: |',
    ...policies.map(
      ({ namespace, name, file, line }) =>
        `#   From NetworkPolicy ${namespace}/${name} (${file}:${line}).`,
    ),
    '# custom:',
    `#   owner: ${JSON.stringify(owner)}`,
  ];
}
