import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import { inSpan } from '@dotline/platform-process/span';
import { ListenerName } from '@dotline/sidecar-config/names';
import {
  KeptParts,
  meshResources,
  type SidecarSnapshot,
} from '@dotline/sidecar-config/sidecar-resources';
import { type Context, context } from '@opentelemetry/api';
import {
  type ResourceSet,
  type SnapshotCache,
  TypeUrl,
  withResource,
} from 'envoy-control-plane-ts';
import type { Logger } from 'pino';
import { isRevocation, rolloutSteps, type Stage, touchedServices } from './rollout-plan.js';
import { SingleFlight } from './single-flight.js';

/** How long callers wait for their callees' acknowledgement, or the reverse; then they go on. */
const STEP_WAIT_MS = 200;

/** What came of a step: `rejected` when a sidecar refused a resource that the step gave it. */
export type StepOutcome = 'held' | 'late' | 'rejected';

export interface FleetParts {
  readonly cache: Pick<SnapshotCache, 'setSnapshot' | 'clearSnapshot' | 'groups'>;
  readonly telemetry: Parameters<typeof meshResources>[0]['telemetry'];
  /** Waits until the connected ones of these sidecars hold what the cache has for them. */
  readonly settled: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  /** A revision has been handed to every sidecar, or has been stopped. */
  readonly placed: (revision: Revision) => void;
  readonly log: Logger;
}

/**
 * From revision and instances to one snapshot for each sidecar. Only sidecars that a change can
 * touch are made again, and the cache sends only what differs.
 */
export class Fleet {
  readonly #parts: FleetParts;
  readonly #roller = new SingleFlight(() => this.#roll());
  #wanted: { readonly revision: Revision; readonly trace: Context } | undefined;
  #stage: Stage | undefined;
  #instances: ReadonlyMap<string, Instance> = new Map();
  readonly #kept = new KeptParts();

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** Whether there is a revision for sidecars to be given. */
  get hasRevision(): boolean {
    return this.#stage !== undefined;
  }

  /** The revision that every sidecar is given now; `undefined` during a rollout. */
  get placedRevision(): string | undefined {
    const { inbound, rest } = this.#stage ?? {};
    return inbound === rest ? rest?.id : undefined;
  }

  /** Rolls a revision out, in the active trace; a newer one waits until the present step is over. */
  setRevision(revision: Revision): Promise<void> {
    this.#wanted = { revision, trace: context.active() };
    return this.#roller.request();
  }

  /** Gives sidecars the instances as they are now, at once. */
  setInstances(instances: readonly Instance[]): void {
    const before = this.#instances;
    // An instance that is as it was stays the same object, to which what was made for it is tied.
    this.#instances = new Map(
      instances.map((instance) => {
        const known = before.get(instance.id);
        return [instance.id, known !== undefined && isSame(known, instance) ? known : instance];
      }),
    );
    for (const id of before.keys()) {
      if (!this.#instances.has(id)) this.#parts.cache.clearSnapshot(id);
    }
    const changed = [...before.values(), ...instances].filter(
      ({ id }) => before.get(id) !== this.#instances.get(id),
    );
    if (this.#stage !== undefined && changed.length > 0) this.#place(this.#seeing(changed));
  }

  close(): Promise<void> {
    return this.#roller.close();
  }

  async #roll(): Promise<void> {
    if (this.#wanted === undefined) return;
    const { revision: after, trace } = this.#wanted;
    const before = this.#stage;
    if (before === undefined) {
      this.#stage = { inbound: after, rest: after };
      this.#place('all');
      this.#parts.placed(after);
      return;
    }
    if (before.rest === after && before.inbound === after) return;
    await context.with(trace, () => this.#steps(before, after));
  }

  async #steps(before: Stage, after: Revision): Promise<void> {
    // A rollout that was stopped half-way left sidecars of which the plan does not know.
    const isWhole = before.inbound === before.rest;
    const touched = isWhole ? touchedServices(before.rest, after) : 'all';
    const mayStop = !isRevocation(before.inbound, after);
    const steps = rolloutSteps(before.rest, after);
    for (const [index, step] of steps.entries()) {
      const isLast = index === steps.length - 1;
      const outcome = await inSpan(step.name, {}, async (span) => {
        this.#stage = step.stage;
        const nodeIds = this.#place(touched);
        span.setAttribute('dotline.sidecars', nodeIds.length);
        return isLast ? 'held' : this.#parts.settled(nodeIds, STEP_WAIT_MS);
      });
      if (outcome === 'rejected' && mayStop) {
        this.#parts.log.error(
          { revision: after.id, step: step.name },
          `the rollout of revision ${after.id} is stopped: a sidecar rejected part of it`,
        );
        break;
      }
    }
    this.#parts.placed(after);
  }

  /** Makes the snapshots of the instances of some services; returns the ids of these instances. */
  #place(services: ReadonlySet<string> | 'all'): string[] {
    const { inbound, rest } = this.#stage ?? {};
    if (inbound === undefined || rest === undefined) return [];
    const instances = [...this.#instances.values()];
    const { telemetry, cache, log } = this.#parts;
    const kept = this.#kept;
    const restOf = meshResources({ revision: rest, instances, telemetry, kept });
    const inboundOf =
      inbound === rest ? restOf : meshResources({ revision: inbound, instances, telemetry, kept });
    const known = new Set(rest.mesh.services.map((service) => service.name));
    const placed = instances.filter(({ service }) => services === 'all' || services.has(service));
    for (const instance of placed) {
      try {
        // A service that left the mesh may neither call nor be called: its sidecar holds nothing.
        const snapshot = known.has(instance.service)
          ? compose(restOf(instance), inbound === rest ? undefined : inboundOf(instance))
          : {};
        cache.setSnapshot(instance.id, snapshot);
      } catch (error) {
        log.error({ err: error, instance: instance.id }, 'a sidecar keeps its old configuration');
      }
    }
    return placed.map(({ id }) => id);
  }

  /** Services of instances, and the services that call these: whose sidecars hold their endpoints. */
  #seeing(instances: readonly Instance[]): ReadonlySet<string> {
    const own = new Set(instances.map(({ service }) => service));
    const stages = [this.#stage?.rest, this.#stage?.inbound];
    const callers = stages.flatMap((revision) =>
      (revision?.edges ?? []).filter(({ callee }) => own.has(callee)).map(({ caller }) => caller),
    );
    return new Set([...own, ...callers]);
  }
}

/** One snapshot with the inbound side of another. */
function compose(rest: SidecarSnapshot, inbound: SidecarSnapshot | undefined): SidecarSnapshot {
  if (inbound === undefined) return rest;
  return {
    ...rest,
    [TypeUrl.Route]: withInboundRoutes(rest, inbound),
    [TypeUrl.ExtensionConfig]: inbound[TypeUrl.ExtensionConfig],
  };
}

function withInboundRoutes(rest: SidecarSnapshot, inbound: SidecarSnapshot): ResourceSet {
  const routes = inbound[TypeUrl.Route].resources.get(ListenerName.inbound);
  return routes === undefined ? rest[TypeUrl.Route] : withResource(rest[TypeUrl.Route], routes);
}

function isSame(a: Instance, b: Instance): boolean {
  return (Object.keys(a) as (keyof Instance)[]).every((key) => a[key] === b[key]);
}
