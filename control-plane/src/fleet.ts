import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import { inSpan } from '@dotline/platform-process/span';
import type { MeshInput } from '@dotline/sidecar-config/sidecar-resources';
import { type Context, context } from '@opentelemetry/api';
import type { ResourceSet, SnapshotCache, TypeUrl } from 'envoy-control-plane-ts';
import type { Logger } from 'pino';
import type { RolloutCause, RolloutFailure } from './rollout-failure.js';
import {
  type Placement,
  type RolloutStep,
  returnSteps,
  wholePlacement,
  wholeRevision,
} from './rollout-plan.js';
import {
  isProgressive,
  mayStop,
  planRun,
  type RolloutPoint,
  type RolloutRun,
} from './rollout-run.js';
import { SidecarSnapshots } from './sidecar-snapshots.js';
import type { RejectedResource } from './sidecar-state.js';
import { SingleFlight } from './single-flight.js';
import type { StepOutcome } from './step-outcome.js';

/** How long callers wait for their callees' acknowledgement, or the reverse; then they go on. */
const STEP_WAIT_MS = 200;
/** The same where nobody is in a hurry. */
const WAVE_STEP_WAIT_MS = 5_000;
/** After a restart sidecars come back within seconds; those that are not there know nothing of a step. */
const RECONNECT_WAIT_MS = 10_000;

/** Who follows rollouts, and says whether one in waves may go on. */
export interface RolloutConductor {
  /** A rollout in waves is about to make a step. Never rejects. */
  stepping(point: RolloutPoint): Promise<void>;
  /** Resolves when the next step may come, with what speaks against it, or at the signal. Never rejects. */
  watch(point: RolloutPoint, signal: AbortSignal): Promise<readonly RolloutCause[]>;
  /** What sidecars have rejected since a moment, the latest first. */
  rejected(run: RolloutRun, nodeIds: readonly string[]): readonly RolloutCause[];
  /** Whether a sidecar of these services refuses something that it is given. */
  isRefused(services: ReadonlySet<string> | 'all'): boolean;
  /** A rollout is over; with a failure, it has gone back already. Never rejects. */
  ended(run: RolloutRun, failure: RolloutFailure | undefined): Promise<void>;
}

export interface FleetParts {
  readonly cache: Pick<SnapshotCache, 'setSnapshot' | 'clearSnapshot' | 'groups'>;
  readonly telemetry: MeshInput['telemetry'];
  /** The same for sidecars of all replicas, those of others for some seconds more. */
  readonly settledEverywhere: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  /** Waits until the connected ones of these sidecars hold what the cache has for them. */
  readonly settled: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  /** Waits until these sidecars are connected. */
  readonly connected: (nodeIds: readonly string[], waitMs: number) => Promise<void>;
  readonly conductor: RolloutConductor;
  /** A revision has been handed to every sidecar, or has been stopped. */
  readonly placed: (revision: Revision) => void;
  readonly log: Logger;
}

/** A revision that is to go out. */
interface Wanted {
  readonly revision: Revision;
  readonly rolloutId: string;
  /** In one wave, whatever its policy says. */
  readonly atOnce: boolean;
  readonly trace: Context;
}

/**
 * From revision and instances to one snapshot for each sidecar. Only sidecars that a change can
 * touch are made again, and the cache sends only what differs.
 */
export class Fleet {
  readonly #parts: FleetParts;
  readonly #roller = new SingleFlight(() => this.#roll());
  #wanted: Wanted | undefined;
  /** A rollout that a restart interrupted, and the step that it had come to. */
  #resumed:
    | { readonly run: RolloutRun; readonly index: number; readonly trace: Context }
    | undefined;
  #present: { readonly run: RolloutRun; readonly interrupt: AbortController } | undefined;
  #placement: Placement | undefined;
  #instances: ReadonlyMap<string, Instance> = new Map();
  /** The same, one list until they change. */
  #list: readonly Instance[] = [];
  #closed = false;
  readonly #snapshots: SidecarSnapshots;
  #staged: Revision | undefined;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.#snapshots = new SidecarSnapshots(parts);
  }

  /** Whether there is a revision for sidecars to be given. */
  get hasRevision(): boolean {
    return this.#placement !== undefined;
  }

  /** The revision that every sidecar is given now; `undefined` during a rollout. */
  get placedRevision(): string | undefined {
    return this.#placement && wholeRevision(this.#placement)?.id;
  }

  /**
   * Rolls a revision out, in the active trace. A newer one waits until the present rollout is over; one
   * that goes out at once does not wait for a rollout in waves, which then goes back first.
   */
  setRevision(
    revision: Revision,
    { rolloutId = '', atOnce = false }: { rolloutId?: string; atOnce?: boolean } = {},
  ): Promise<void> {
    const wanted = { revision, rolloutId, atOnce, trace: context.active() };
    this.#wanted = wanted;
    const { run, interrupt } = this.#present ?? {};
    if (run !== undefined && run.after.id !== revision.id) {
      const next = planRun(run.before, wanted, this.#list);
      if (isProgressive(run) ? !isProgressive(next) : atOnce) interrupt?.abort();
    }
    return this.#roller.request();
  }

  /** Goes on with a rollout in waves where it was when the process ended; before any other revision. */
  resume(run: RolloutRun, index: number): void {
    const step = run.steps[index];
    if (step === undefined || this.#placement !== undefined) return;
    this.#placement = step.placement;
    this.#place('all');
    this.#resumed = { run, index, trace: context.active() };
    void this.#roller.request();
  }

  /** Has sidecars judge a revision beside the one that each is given, or none; returns their ids. */
  setStaged(staged: Revision | undefined): string[] {
    this.#staged = staged;
    return this.#place('all');
  }

  /** Whether a sidecar would not be given this version of a resource by the revision before. */
  brings(
    { before }: Pick<RolloutRun, 'before'>,
    nodeId: string,
    { typeUrl, name, version }: RejectedResource,
  ): boolean {
    const instance = this.#instances.get(nodeId);
    if (instance === undefined) return false;
    const stage = { inbound: before, rest: before };
    const mesh = { instances: this.#list, staged: this.#staged };
    const sets: Partial<Record<TypeUrl, ResourceSet>> = this.#snapshots.of(instance, stage, mesh);
    return sets[typeUrl]?.resources.get(name)?.version !== version;
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
    this.#list = [...this.#instances.values()];
    for (const id of before.keys()) {
      if (!this.#instances.has(id)) this.#parts.cache.clearSnapshot(id);
    }
    const changed = [...before.values(), ...instances].filter(
      ({ id }) => before.get(id) !== this.#instances.get(id),
    );
    if (this.#placement !== undefined && changed.length > 0) this.#place(this.#seeing(changed));
  }

  /** Ends in the middle of a rollout in waves: whoever comes next goes on with it. */
  close(): Promise<void> {
    this.#closed = true;
    this.#present?.interrupt.abort();
    return this.#roller.close();
  }

  async #roll(): Promise<void> {
    const resumed = this.#resumed;
    if (resumed !== undefined) {
      this.#resumed = undefined;
      await context.with(resumed.trace, () => this.#run(resumed.run, resumed.index, true));
    }
    if (this.#wanted === undefined || this.#closed) return;
    const { revision: after, trace } = this.#wanted;
    const before = this.#placement;
    if (before === undefined) {
      this.#placement = wholePlacement(after);
      this.#place('all');
      this.#parts.placed(after);
      return;
    }
    const whole = wholeRevision(before);
    if (whole === after) return;
    // A rollout that was stopped half-way left sidecars of which the plan does not know.
    const base = whole ?? before.stages[0]?.rest ?? after;
    const planned = planRun(base, this.#wanted, this.#list);
    const touched = whole === undefined ? 'all' : planned.touched;
    const isFromRefused = this.#parts.conductor.isRefused(touched);
    const run: RolloutRun = { ...planned, touched, isFromRefused };
    await context.with(trace, () => this.#run(run, 0));
  }

  async #run(run: RolloutRun, from: number, isResumed = false): Promise<void> {
    const interrupt = new AbortController();
    this.#present = { run, interrupt };
    const { conductor, connected, placed } = this.#parts;
    try {
      if (isResumed) {
        const reconnected = connected(this.#place(run.touched), RECONNECT_WAIT_MS);
        await untilAborted(reconnected, interrupt.signal, undefined);
      }
      for (const [index, step] of run.steps.entries()) {
        if (index < from) continue;
        const causes = await this.#step(run, index, step, interrupt.signal);
        if (this.#closed && isProgressive(run)) return;
        if (causes.length === 0) continue;
        const failure = { step: step.name, wave: step.wave.name, atMs: Date.now(), causes };
        await this.#goBack(run);
        placed(run.after);
        await conductor.ended(run, failure);
        return;
      }
    } finally {
      this.#present = undefined;
    }
    await conductor.ended(run, undefined);
  }

  /** Makes a step and waits until the next may come. @returns what speaks against going on */
  async #step(
    run: RolloutRun,
    index: number,
    step: RolloutStep,
    signal: AbortSignal,
  ): Promise<readonly RolloutCause[]> {
    const { conductor, placed } = this.#parts;
    const inWaves = isProgressive(run);
    const isLast = index === run.steps.length - 1;
    const point: RolloutPoint = {
      run,
      index,
      step,
      instances: () => this.#list,
    };
    if (inWaves) await conductor.stepping(point);
    const { outcome, nodeIds } = await inSpan(step.name, {}, async (span) => {
      this.#placement = step.placement;
      const nodeIds = this.#place(run.touched);
      span.setAttributes({ 'dotline.sidecars': nodeIds.length, 'dotline.wave': step.wave.name });
      if (isLast) placed(run.after);
      const waits = inWaves || !isLast;
      const outcome = waits ? await this.#settled(nodeIds, inWaves, signal) : 'held';
      return { outcome, nodeIds };
    });
    if (this.#isSuperseded(signal)) return this.#supersession();
    if (outcome === 'rejected' && mayStop(run)) {
      const rejected = conductor.rejected(run, nodeIds);
      if (rejected.length > 0) return rejected;
    }
    if (!step.isWatched) return [];
    const causes = await inSpan('watch', { attributes: { 'dotline.wave': step.wave.name } }, () =>
      conductor.watch(point, signal),
    );
    return this.#isSuperseded(signal) ? this.#supersession() : causes;
  }

  #settled(
    nodeIds: readonly string[],
    inWaves: boolean,
    signal: AbortSignal,
  ): Promise<StepOutcome> {
    const waitMs = inWaves ? WAVE_STEP_WAIT_MS : STEP_WAIT_MS;
    return untilAborted(this.#parts.settledEverywhere(nodeIds, waitMs), signal, 'late');
  }

  #isSuperseded(signal: AbortSignal): boolean {
    return signal.aborted && !this.#closed;
  }

  #supersession(): RolloutCause[] {
    return [{ kind: 'superseded', by: this.#wanted?.revision.id ?? '' }];
  }

  async #goBack({ before, after, touched }: RolloutRun): Promise<void> {
    if (this.#placement === undefined) return;
    for (const step of returnSteps(this.#placement, before, after)) {
      await inSpan(`back: ${step.name}`, {}, async () => {
        this.#placement = step.placement;
        // Other replicas hear of it when it is in PostgreSQL, and go back by themselves.
        await this.#parts.settled(this.#place(touched), STEP_WAIT_MS);
      });
    }
  }

  /** Gives the instances of some services what the present step has for them; returns their ids. */
  #place(services: ReadonlySet<string> | 'all'): string[] {
    if (this.#placement === undefined) return [];
    const placed = this.#list.filter(({ service }) => services === 'all' || services.has(service));
    this.#snapshots.give(placed, this.#placement, { instances: this.#list, staged: this.#staged });
    return placed.map(({ id }) => id);
  }

  /** Services of instances, and the services that call these: whose sidecars hold their endpoints. */
  #seeing(instances: readonly Instance[]): ReadonlySet<string> {
    const own = new Set(instances.map(({ service }) => service));
    const stages = this.#placement?.stages ?? [];
    const revisions = new Set(stages.flatMap(({ rest, inbound }) => [rest, inbound]));
    const callers = [...revisions].flatMap((revision) =>
      revision.edges.filter(({ callee }) => own.has(callee)).map(({ caller }) => caller),
    );
    return new Set([...own, ...callers]);
  }
}

/** What an action comes to, or `otherwise` when the signal comes first. */
function untilAborted<T>(action: Promise<T>, signal: AbortSignal, otherwise: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(otherwise);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    action.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function isSame(a: Instance, b: Instance): boolean {
  return (Object.keys(a) as (keyof Instance)[]).every((key) => a[key] === b[key]);
}
