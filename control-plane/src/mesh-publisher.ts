import { MeshReader } from '@dotline/model/load-mesh';
import { formatProblem, MeshError, type Problem } from '@dotline/model/mesh-error';
import { failSpan, inSpan } from '@dotline/platform-process/span';
import type { PolicyCompiler } from '@dotline/policies/compile-policies';
import { trace } from '@opentelemetry/api';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type CompiledMesh, compileMesh } from './compiled-mesh.js';
import { ExpiryTimer } from './expiry-timer.js';
import type { LiveMesh } from './live-mesh.js';
import { type MeshChange, mergeChanges } from './mesh-change.js';
import { clearMeshProblems, writeMeshProblems } from './mesh-error-store.js';
import type { MeshEvents } from './mesh-events.js';
import { untilCheckedOut } from './mesh-source/checkout-lock.js';
import type { Metrics } from './metrics.js';
import type { RolloutTraces } from './rollout-traces.js';
import { SingleFlight } from './single-flight.js';

const PROBLEMS_LOGGED_MAX = 50;

interface Parts {
  readonly directory: string;
  readonly compiler: Pick<PolicyCompiler, 'compile'>;
  readonly pool: pg.Pool;
  readonly live: LiveMesh;
  readonly events: Pick<MeshEvents, 'publish'>;
  readonly metrics: Metrics;
  readonly traces: Pick<RolloutTraces, 'change'>;
  readonly log: Logger;
  /** The wall clock, in milliseconds since the epoch; `Date.now` when absent. */
  readonly now?: () => number;
}

/**
 * Makes the mesh directory as it is now the live revision. A directory with problems leaves the last
 * good revision live. Changes during a run merge into one next run. When a rule ends, the directory is
 * dealt with as if it had changed: the rule is then a problem of it.
 */
export class MeshPublisher {
  readonly #flight = new SingleFlight(() => this.#run());
  #change: MeshChange | undefined;
  #broken = false;
  /** The last compilation ahead of a publication. */
  #prepared: Promise<unknown> | undefined;
  /** Of the directory itself, and of where its commits come from. */
  #problems: readonly Problem[] = [];
  #sourceProblems: readonly Problem[] = [];
  readonly #reader: MeshReader;
  readonly #now: () => number;
  readonly #expiry: ExpiryTimer;

  constructor(private readonly parts: Parts) {
    this.#now = parts.now ?? Date.now;
    this.#reader = new MeshReader(parts.directory);
    this.#expiry = new ExpiryTimer(this.#now, () => void this.publish());
  }

  /** Something may have changed. Resolves when the directory as of this call has been dealt with. */
  publish(change: MeshChange = { sinceMs: Date.now(), files: [] }): Promise<void> {
    this.#change = mergeChanges(this.#change, change);
    return this.#flight.request();
  }

  /**
   * Compiles the directory as it is, for nobody but whoever publishes it a moment later, who finds it done: while a
   * save may go on, there is nothing better to do. What is wrong is told when it is published.
   */
  async prepare(): Promise<void> {
    if (this.#flight.isBusy) return;
    const compiled = this.#reader
      .read()
      .then((mesh) => this.parts.compiler.compile(mesh, this.#now()));
    this.#prepared = compiled.catch(() => undefined);
    await this.#prepared;
  }

  /** Says why nothing newer comes into the directory; without problems, that it does again. */
  async setSourceProblems(problems: readonly Problem[]): Promise<void> {
    if (JSON.stringify(problems) === JSON.stringify(this.#sourceProblems)) return;
    this.#sourceProblems = problems;
    await this.#storeProblems();
  }

  async close(): Promise<void> {
    this.#expiry.close();
    await this.#prepared;
    await this.#flight.close();
  }

  async #run(): Promise<void> {
    const change = this.#change ?? { sinceMs: Date.now(), files: [] };
    this.#change = undefined;
    await this.parts.traces.change(change, () => this.#publish());
  }

  async #publish(): Promise<void> {
    const { compiler, metrics, log } = this.parts;
    await untilCheckedOut(this.parts.directory);
    const startedAtMs = Date.now();
    const stop = metrics.compileSeconds.startTimer();
    let compiled: CompiledMesh;
    try {
      compiled = await inSpan('compile', {}, () =>
        compileMesh(this.#reader, compiler, this.#now()),
      );
      this.#expiry.set(compiled.nextExpiryMs);
      stop({ result: 'ok' });
    } catch (error) {
      stop({ result: 'failed' });
      await this.#report(problemsOf(error), error);
      return;
    }
    try {
      const compileMs = Date.now() - startedAtMs;
      const before = this.parts.live.current?.revision.id;
      const live = await this.parts.live.publish(compiled, () => this.#flight.superseded);
      if (live === undefined) return;
      await this.#clear();
      if (live.revision.id === before) return;
      const { id, commit, edges } = live.revision;
      log.info({ revision: id, commit, edges: edges.length, compileMs }, `revision ${id} is live`);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) {
        log.error({ err: error }, 'a revision cannot be stored');
      }
    }
  }

  async #report(problems: readonly Problem[], error: unknown): Promise<void> {
    const { log } = this.parts;
    const [first] = problems;
    const change = trace.getActiveSpan();
    if (change !== undefined && first !== undefined) failSpan(change, formatProblem(first));
    for (const problem of problems.slice(0, PROBLEMS_LOGGED_MAX)) log.error(formatProblem(problem));
    if (!(error instanceof MeshError)) log.error({ err: error }, 'the mesh cannot be compiled');
    this.#broken = true;
    this.#problems = problems;
    await this.#storeProblems();
  }

  async #clear(): Promise<void> {
    this.#problems = [];
    await this.#storeProblems();
    if (this.#broken) this.parts.log.info('the mesh directory is good again');
    this.#broken = false;
  }

  async #storeProblems(): Promise<void> {
    const { log, metrics, pool, events } = this.parts;
    const problems = [...this.#sourceProblems, ...this.#problems];
    metrics.meshProblems.set(problems.length);
    try {
      if (problems.length > 0) await writeMeshProblems(pool, problems);
      else if (!(await clearMeshProblems(pool))) return;
    } catch (reason) {
      log.warn({ err: reason }, 'what is wrong in the mesh directory is not stored');
    }
    events.publish({ type: 'mesh-error' });
  }
}

function problemsOf(error: unknown): readonly Problem[] {
  if (error instanceof MeshError) return error.problems;
  const message = error instanceof Error ? error.message : String(error);
  return [{ file: 'mesh.yaml', line: 1, message: `cannot be compiled: ${message}` }];
}
