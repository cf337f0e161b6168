import type { GraphView } from '@dotline/topology-ui/api';

export interface Enforcement {
  readonly sidecars: number;
  /** Sidecars that acknowledged the live revision. */
  readonly enforced: number;
  /** Such as `enforced on 12/12 sidecars in 0.4 s`. */
  readonly text: string;
  readonly complete: boolean;
}

/** How far the live revision has come, counted from the graph's own sidecars. */
export function enforcementOf(graph: GraphView): Enforcement {
  const sidecars = graph.services.flatMap((service) =>
    service.instances.map((instance) => instance.sidecar),
  );
  const enforced = sidecars.filter((sidecar) => sidecar.holdsLiveRevision).length;
  const complete = enforced === sidecars.length && sidecars.length > 0;
  const { enforcedInMs } = graph.revision;
  const took = complete && enforcedInMs !== null ? ` in ${(enforcedInMs / 1000).toFixed(1)} s` : '';
  return {
    sidecars: sidecars.length,
    enforced,
    complete,
    text: `enforced on ${enforced}/${sidecars.length} sidecars${took}`,
  };
}
