import type { GraphView } from '@dotline/topology-ui/api';

/** Something that the search box found. */
export type Finding =
  | { readonly kind: 'service'; readonly name: string; readonly note: string }
  | { readonly kind: 'team'; readonly name: string; readonly note: string }
  | {
      readonly kind: 'operation';
      readonly name: string;
      readonly note: string;
      readonly service: string;
    };

const findingsMax = 12;

/** Services, teams and operations that contain every word of the query; names that begin with it come first. */
export function search(graph: GraphView, query: string): readonly Finding[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const ranked: { finding: Finding; rank: number }[] = [];
  const consider = (finding: Finding, text: string) => {
    const rank = rankOf(finding.name.toLowerCase(), text.toLowerCase(), words);
    if (rank !== undefined) ranked.push({ finding, rank: rank + kinds.indexOf(finding.kind) / 10 });
  };
  for (const service of graph.services) {
    const note = `${service.team} · ${service.product}`;
    consider({ kind: 'service', name: service.name, note }, `${service.name} ${note}`);
    for (const operation of service.operations) {
      const text = `${operation.method} ${operation.path}`;
      consider(
        { kind: 'operation', name: operation.id, note: text, service: service.name },
        `${operation.id} ${text}`,
      );
    }
  }
  for (const team of graph.teams) {
    consider({ kind: 'team', name: team.name, note: team.contact }, team.name);
  }
  ranked.sort((a, b) => a.rank - b.rank || compare(a.finding.name, b.finding.name));
  return ranked.slice(0, findingsMax).map(({ finding }) => finding);
}

/** Names of the services that the query means: by name, team, product or operation. */
export function matchingServices(graph: GraphView, query: string): ReadonlySet<string> | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const matches = graph.services.filter((service) => {
    const operations = service.operations.map((operation) => `${operation.id} ${operation.path}`);
    const text = [service.name, service.team, service.product, ...operations].join(' ');
    return words.every((word) => text.toLowerCase().includes(word));
  });
  return new Set(matches.map((service) => service.name));
}

const kinds: readonly Finding['kind'][] = ['service', 'team', 'operation'];

function rankOf(name: string, text: string, words: readonly string[]): number | undefined {
  if (!words.every((word) => text.includes(word))) return undefined;
  const query = words.join(' ');
  if (name === query) return 0;
  if (name.startsWith(query)) return 1;
  return name.includes(query) ? 2 : 3;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
