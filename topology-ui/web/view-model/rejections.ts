import type { GraphView, SidecarView } from '@dotline/topology-ui/api';

type Rejected = SidecarView['rejected'][number];

/** A rule, or a resource of no rule, that sidecars refuse. */
export interface RejectionGroup {
  readonly key: string;
  readonly rejection: Rejected;
  /** Instance ids. */
  readonly sidecars: readonly string[];
}

/**
 * What sidecars refuse, those of one rule and revision together: two instances of a service refuse the
 * same, and so may the sidecars of both ends of an edge.
 */
export function rejectionGroups(graph: GraphView): RejectionGroup[] {
  const groups = new Map<string, { rejection: Rejected; sidecars: Set<string> }>();
  for (const { instances } of graph.services) {
    for (const { sidecar } of instances) {
      for (const rejection of sidecar.rejected) {
        const { resource, revision, file, line } = rejection;
        const key = JSON.stringify([revision, ...(file === undefined ? [resource] : [file, line])]);
        const group = groups.get(key) ?? { rejection, sidecars: new Set() };
        group.sidecars.add(sidecar.instance);
        groups.set(key, group);
      }
    }
  }
  return [...groups].map(([key, { rejection, sidecars }]) => ({
    key,
    rejection,
    sidecars: [...sidecars],
  }));
}
