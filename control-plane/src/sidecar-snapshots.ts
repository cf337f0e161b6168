import type { Instance } from '@dotline/model/instance';
import { ListenerName } from '@dotline/sidecar-config/names';
import {
  KeptParts,
  type MeshInput,
  type ServiceSnapshot,
  type SidecarSnapshot,
  serviceResources,
  sidecarListeners,
} from '@dotline/sidecar-config/sidecar-resources';
import {
  type ResourceSet,
  type SnapshotCache,
  TypeUrl,
  withResource,
} from 'envoy-control-plane-ts';
import type { Logger } from 'pino';
import type { Placement, Stage } from './rollout-plan.js';

export interface SidecarSnapshotsParts {
  readonly cache: Pick<SnapshotCache, 'setSnapshot'>;
  readonly telemetry: MeshInput['telemetry'];
  readonly log: Logger;
}

/** What snapshots are made from beside the revisions of a stage. */
type MeshNow = Pick<MeshInput, 'instances' | 'staged'>;

/** What the sidecars of a service are given in a stage, but for their own listeners. */
interface Made {
  /** Nothing when the service is no longer of the mesh. */
  readonly snapshot: ServiceSnapshot | undefined;
  readonly trustDomain: string;
}

/**
 * Makes the snapshots of sidecars, what the sidecars of one service share once for all of them, and puts
 * those into the cache that are not as they were.
 */
export class SidecarSnapshots {
  readonly #kept = new KeptParts();
  /** What the sidecars of each service were given last, one for each stage that they are in. */
  readonly #made = new Map<string, ReadonlySet<Made>>();
  /** Which of it each sidecar was given. */
  readonly #given = new WeakMap<Instance, Made>();

  constructor(private readonly parts: SidecarSnapshotsParts) {}

  /** What a sidecar holds in a stage. */
  of(instance: Instance, stage: Stage, mesh: MeshNow): Partial<SidecarSnapshot> {
    return this.#snapshot(instance, this.#maker(stage, mesh)(instance.service));
  }

  /** Gives these sidecars what a placement has for them; all sidecars of a service at a time. */
  give(instances: readonly Instance[], placement: Placement, mesh: MeshNow): void {
    const { cache, log } = this.parts;
    const makers = new Map<Stage, (service: string) => Made>();
    const madeFor = (instance: Instance) => {
      const stage = placement.stageOf(instance);
      const make = makers.get(stage) ?? this.#maker(stage, mesh);
      makers.set(stage, make);
      return make(instance.service);
    };
    const used = new Map<string, Set<Made>>();
    for (const instance of instances) {
      try {
        const made = madeFor(instance);
        const ofService = used.get(instance.service);
        if (ofService === undefined) used.set(instance.service, new Set([made]));
        else ofService.add(made);
        if (this.#given.get(instance) === made) continue;
        cache.setSnapshot(instance.id, this.#snapshot(instance, made));
        this.#given.set(instance, made);
      } catch (error) {
        log.error({ err: error, instance: instance.id }, 'a sidecar keeps its old configuration');
      }
    }
    // Of services that are not there any more nothing is kept.
    if (instances.length === mesh.instances.length) this.#made.clear();
    for (const [service, made] of used) this.#made.set(service, made);
  }

  #snapshot(instance: Instance, { snapshot, trustDomain }: Made): Partial<SidecarSnapshot> {
    if (snapshot === undefined) return {};
    const listeners = sidecarListeners(this.#kept, instance, trustDomain);
    return { ...snapshot, [TypeUrl.Listener]: listeners };
  }

  /** What the sidecars of a service hold in a stage: the same object as last time, where it is as it was. */
  #maker({ inbound, rest }: Stage, mesh: MeshNow): (service: string) => Made {
    const shared = { ...mesh, telemetry: this.parts.telemetry, kept: this.#kept };
    const restOf = serviceResources({ revision: rest, ...shared });
    const inboundOf =
      inbound === rest ? restOf : serviceResources({ revision: inbound, ...shared });
    const known = new Set(rest.mesh.services.map(({ name }) => name));
    const { trustDomain } = rest.mesh;
    const made = new Map<string, Made>();
    return (service) => {
      const before = made.get(service);
      if (before !== undefined) return before;
      // A service that left the mesh may neither call nor be called: its sidecar holds nothing.
      const snapshot = known.has(service)
        ? compose(restOf(service), inboundOf(service))
        : undefined;
      const fresh: Made = { snapshot, trustDomain };
      const last = [...(this.#made.get(service) ?? [])];
      const now = last.find((each) => isSame(each, fresh)) ?? fresh;
      made.set(service, now);
      return now;
    };
  }
}

/** One snapshot with the inbound side of another. */
function compose(rest: ServiceSnapshot, inbound: ServiceSnapshot): ServiceSnapshot {
  if (inbound === rest) return rest;
  return {
    ...rest,
    [TypeUrl.Route]: withInboundRoutes(rest, inbound),
    [TypeUrl.ExtensionConfig]: inbound[TypeUrl.ExtensionConfig],
  };
}

function withInboundRoutes(rest: ServiceSnapshot, inbound: ServiceSnapshot): ResourceSet {
  const routes = inbound[TypeUrl.Route].resources.get(ListenerName.inbound);
  return routes === undefined ? rest[TypeUrl.Route] : withResource(rest[TypeUrl.Route], routes);
}

function isSame(a: Made, b: Made): boolean {
  const [one, other] = [a.snapshot, b.snapshot];
  if (one === undefined || other === undefined) return one === other;
  return (
    a.trustDomain === b.trustDomain &&
    one[TypeUrl.Cluster].version === other[TypeUrl.Cluster].version &&
    one[TypeUrl.Endpoint].version === other[TypeUrl.Endpoint].version &&
    one[TypeUrl.Route].version === other[TypeUrl.Route].version &&
    one[TypeUrl.ExtensionConfig].version === other[TypeUrl.ExtensionConfig].version
  );
}
