import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Problem } from '@dotline/model/mesh-error';
import pLimit from 'p-limit';
import { allowedCapabilities } from './allowed-capabilities.js';
import { MEMORY_LIMITED } from './opa.js';
import { type OpaProblem, problemsOf } from './opa-problems.js';
import type { RegoText, RegoTool } from './rego-tool.js';

const START_TIMEOUT_MS = 10_000;
/** Requests take some hundredths of a second; what takes far longer is asked of a process of its own. */
const TIMEOUT_MS = 8_000;
const REQUESTS_MAX = Math.max(2, availableParallelism());

/** The worker ended, or did not answer in time, before it had done what it was asked. */
export class OpaWorkerLost extends Error {
  override readonly name = 'OpaWorkerLost';
}

/** What `opa worker` (`local-parts/opa/worker.go`) is asked. */
interface Request {
  readonly do: 'capabilities' | 'parse' | 'check' | 'build';
  readonly files?: readonly RegoText[];
  readonly entrypoints?: readonly string[];
  /** JSON text. */
  readonly capabilities?: string;
}

/** What it answers; `errors` when it could not do it. */
interface Answer {
  readonly errors?: readonly OpaProblem[];
  readonly tree?: unknown;
  /** Base64. */
  readonly wasm?: string;
  /** JSON text. */
  readonly capabilities?: string;
}

/** A process that stays, and is started again when it ended. */
export class OpaWorker implements RegoTool {
  readonly #path: string;
  readonly #limit = pLimit(REQUESTS_MAX);
  #running: WorkerProcess;
  #capabilities: Promise<string> | undefined;

  private constructor(
    path: string,
    /** Of OPA, such as `1.22.2`. */
    readonly version: string,
    running: WorkerProcess,
  ) {
    this.#path = path;
    this.#running = running;
  }

  /** Nothing when the program at the path is not there, or has no such command. */
  static async start(path: string): Promise<OpaWorker | undefined> {
    const running = new WorkerProcess(path);
    const version = await running.version;
    return version === undefined ? undefined : new OpaWorker(path, version, running);
  }

  async parse(source: RegoText): Promise<{ tree: unknown } | { problems: Problem[] }> {
    const { errors, tree } = await this.#ask({ do: 'parse', files: [source] });
    return errors === undefined ? { tree } : { problems: problemsOf(errors, source.file) };
  }

  async check(sources: readonly RegoText[]): Promise<Problem[]> {
    const capabilities = await this.#allowed();
    const { errors = [] } = await this.#ask({ do: 'check', files: sources, capabilities });
    return problemsOf(errors, sources[0]?.file ?? '');
  }

  async build(
    sources: readonly RegoText[],
    entrypoints: readonly string[],
  ): Promise<{ wasm: Uint8Array } | { problems: Problem[] }> {
    const capabilities = await this.#allowed();
    const request = { do: 'build', files: sources, entrypoints, capabilities } as const;
    const { errors, wasm } = await this.#ask(request);
    return wasm === undefined
      ? { problems: problemsOf(errors ?? [], sources[0]?.file ?? '') }
      : { wasm: Buffer.from(wasm, 'base64') };
  }

  close(): void {
    this.#running.end();
  }

  #allowed(): Promise<string> {
    this.#capabilities ??= this.#ask({ do: 'capabilities' }).then(({ capabilities }) => {
      if (capabilities === undefined) throw new OpaWorkerLost('it does not know its capabilities');
      return allowedCapabilities(capabilities);
    });
    return this.#capabilities.catch((error) => {
      this.#capabilities = undefined;
      throw error;
    });
  }

  /** @throws OpaWorkerLost */
  #ask(request: Request): Promise<Answer> {
    return this.#limit(() => {
      if (this.#running.hasEnded) this.#running = new WorkerProcess(this.#path);
      return this.#running.ask(request);
    });
  }
}

/** One life of the worker. It ends when its standard input does, thus also with this process. */
class WorkerProcess {
  /** Absent when it ended without a word. */
  readonly version: Promise<string | undefined>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<
    number,
    { resolve(answer: Answer): void; reject(e: OpaWorkerLost): void }
  >();
  #lastId = 0;
  #ended = false;

  constructor(path: string) {
    // The kernel ends what takes too much memory.
    this.#child = spawn('sh', ['-c', MEMORY_LIMITED, path, 'worker'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, GOMEMLIMIT: '1GiB', GOGC: '400' },
    });
    this.#child.stdin.on('error', () => this.end());
    this.#child.on('error', () => this.end());
    this.#child.on('exit', () => this.end());
    const lines = createInterface({ input: this.#child.stdout });
    this.version = new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), START_TIMEOUT_MS);
      const settle = (version: string | undefined) => {
        clearTimeout(timer);
        resolve(version);
      };
      lines.once('line', (line) => {
        const version = versionOf(line);
        if (version === undefined) this.end();
        else lines.on('line', (answer) => this.#read(answer));
        this.#holdProcess(false);
        settle(version);
      });
      lines.once('close', () => settle(undefined));
    });
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** @throws OpaWorkerLost */
  async ask(request: Request): Promise<Answer> {
    await this.version;
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new OpaWorkerLost('it has ended'));
      this.#lastId += 1;
      const id = this.#lastId;
      const timer = setTimeout(() => this.end(), TIMEOUT_MS);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        this.#holdProcess(this.#waiting.size > 0);
      };
      this.#waiting.set(id, {
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#holdProcess(true);
      this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  /** Ends it, and with it what it was asked. */
  end(): void {
    this.#ended = true;
    this.#child.kill('SIGKILL');
    for (const { reject } of this.#waiting.values()) reject(new OpaWorkerLost('it has ended'));
  }

  /** The last line of a worker that was killed may be cut short: then what was asked is not answered. */
  #read(line: string): void {
    const said = readJson(line);
    if (said === undefined) {
      this.end();
      return;
    }
    const { id, ...answer } = said as Answer & { readonly id: number };
    this.#waiting.get(id)?.resolve(answer);
  }

  /** A worker that nobody waits for does not keep this process alive. */
  #holdProcess(hold: boolean): void {
    const { stdin, stdout } = this.#child as unknown as Record<
      'stdin' | 'stdout',
      { ref(): void; unref(): void }
    >;
    for (const each of [this.#child, stdin, stdout]) {
      if (hold) each.ref();
      else each.unref();
    }
  }
}

/** Absent when the line is not what a worker says first. */
function versionOf(line: string): string | undefined {
  const { version } = (readJson(line) ?? {}) as { readonly version?: unknown };
  return typeof version === 'string' ? version : undefined;
}

/** Nothing when the text is not a whole value, or is `null`. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
