import type { Profiler } from 'node:inspector';
import { basename } from 'node:path';

const shown = 25;

/** Where the time of a V8 CPU profile went, by the function that was running, idle time left out. */
export function topOfProfile(json: string): string {
  const { nodes, samples = [], timeDeltas = [] }: Profiler.Profile = JSON.parse(json);
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const us = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '?';
    us.set(name, (us.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  us.delete('(idle)');
  // What the profiler itself takes to start and to stop.
  for (const name of us.keys()) {
    if (name.startsWith('dispatch ') || name === 'dispatch') {
      us.delete(name);
    }
  }
  const busy = [...us.values()].reduce((sum, each) => sum + each, 0);
  const top = [...us].sort(([, a], [, b]) => b - a).slice(0, shown);
  return [
    `busy ${(busy / 1e3).toFixed(0)} ms`,
    ...top.map(([name, each]) => `${((100 * each) / busy).toFixed(1).padStart(5)} %  ${name}`),
  ].join('\n');
}

function nameOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']) {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? name : `${name}  ${basename(url)}:${lineNumber + 1}`;
}
