import { Opa } from './opa.js';
import { OpaProcesses } from './opa-processes.js';
import { OpaWorker, OpaWorkerLost } from './opa-worker.js';
import type { RegoText, RegoTool } from './rego-tool.js';

/**
 * OPA's parser, checker and compiler with the capabilities that policies have: one process that stays, where
 * the OPA has the command `worker` (`local-parts/opa`), else a process for each request. What the worker
 * cannot get through in time, or what ends it, goes to a process of its own, whose limits tell who is to blame.
 */
export class RegoTools implements RegoTool {
  #worker: OpaWorker | undefined;
  readonly #processes: () => Promise<OpaProcesses>;

  private constructor(
    /** Of OPA, such as `1.22.2`. */
    readonly version: string,
    worker: OpaWorker | undefined,
    processes: () => Promise<OpaProcesses>,
  ) {
    this.#worker = worker;
    this.#processes = processes;
  }

  /** @throws OpaError when there is no OPA at the path, or one of an unsupported version */
  static async open(path: string): Promise<RegoTools> {
    let opened: Promise<OpaProcesses> | undefined;
    const processes = () => {
      opened ??= Opa.open(path).then((opa) => new OpaProcesses(opa));
      return opened;
    };
    const worker = await OpaWorker.start(path);
    if (worker !== undefined) return new RegoTools(worker.version, worker, processes);
    const { opa } = await processes();
    return new RegoTools(opa.version, undefined, processes);
  }

  parse(source: RegoText) {
    return this.#do((tool) => tool.parse(source));
  }

  check(sources: readonly RegoText[]) {
    return this.#do((tool) => tool.check(sources));
  }

  build(sources: readonly RegoText[], entrypoints: readonly string[]) {
    return this.#do((tool) => tool.build(sources, entrypoints));
  }

  /** Ends the worker; without it, it ends with this process. */
  close(): void {
    this.#worker?.close();
    this.#worker = undefined;
  }

  async #do<Result>(work: (tool: RegoTool) => Promise<Result>): Promise<Result> {
    if (this.#worker !== undefined) {
      try {
        return await work(this.#worker);
      } catch (error) {
        if (!(error instanceof OpaWorkerLost)) throw error;
      }
    }
    return work(await this.#processes());
  }
}
