import type { LayoutLink, LayoutNode } from './layout-wish.js';

/**
 * How deep in the chain of calls each node is: 0 for those that nobody calls. Cycles are broken at
 * the link that closes them, in the order of ids, so the answer depends on nothing else.
 */
export function callRanks(
  nodes: readonly LayoutNode[],
  links: readonly LayoutLink[],
): ReadonlyMap<string, number> {
  const callees = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  const called = new Set<string>();
  for (const { from, to } of links) {
    if (from === to || !callees.has(to)) continue;
    callees.get(from)?.push(to);
    called.add(to);
  }
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const kept = new Map<string, string[]>();
  const visit = (root: string) => {
    const stack = [{ id: root, next: 0 }];
    state.set(root, 'open');
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const callee = callees.get(top.id)?.[top.next];
      top.next += 1;
      if (callee === undefined) {
        state.set(top.id, 'done');
        order.push(top.id);
        stack.pop();
      } else if (state.get(callee) !== 'open') {
        kept.set(top.id, [...(kept.get(top.id) ?? []), callee]);
        if (!state.has(callee)) {
          state.set(callee, 'open');
          stack.push({ id: callee, next: 0 });
        }
      }
    }
  };
  const ids = nodes.map((node) => node.id).sort();
  for (const id of ids) if (!called.has(id) && !state.has(id)) visit(id);
  for (const id of ids) if (!state.has(id)) visit(id);
  const ranks = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const id of order.reverse()) {
    for (const callee of kept.get(id) ?? []) {
      ranks.set(callee, Math.max(ranks.get(callee) ?? 0, (ranks.get(id) ?? 0) + 1));
    }
  }
  return ranks;
}
