import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LocalProcess } from '@dotline/local-parts/local-process';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { ProcessRegistry } from './process-registry.js';

/** Waits longer after each death, and starts over once a process has lived for a while. */
const BACKOFF_MS_MIN = 200;
const BACKOFF_MS_MAX = 10_000;
const HEALTHY_AFTER_MS = 10_000;
const STOP_GRACE_MS = 6_000;

interface Supervised {
  readonly process: LocalProcess;
  readonly log: RotatingFileStream;
  child: ChildProcess | undefined;
  backoffMs: number;
  timer: NodeJS.Timeout | undefined;
  stopping: boolean;
}

/** A process that died and will be started again. */
export interface Death {
  readonly name: string;
  readonly reason: string;
  readonly restartInMs: number;
}

/** A process was to be started while everything is being stopped. */
export class SupervisorClosedError extends Error {
  override readonly name = 'SupervisorClosedError';

  constructor(readonly process: string) {
    super(`${process} is not started any more: the mesh is being stopped`);
  }
}

/**
 * Keeps processes alive: starts each, writes what it prints to a log file of its own, and starts it
 * again with back-off when it ends. Each child leads a process group, so that an interrupt typed in
 * the terminal reaches only the runner, and so that nothing a child started outlives it.
 */
export class Supervisor {
  readonly #supervised = new Map<string, Supervised>();
  #closed = false;

  constructor(
    private readonly logDirectory: string,
    private readonly registry: ProcessRegistry,
    private readonly onDeath: (death: Death) => void,
  ) {}

  /** From here on nothing new is started, whoever may still be asking for it. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Starts a process and keeps it alive until it is stopped.
   * @throws SupervisorClosedError
   */
  start(process_: LocalProcess): void {
    if (this.#closed) throw new SupervisorClosedError(process_.name);
    if (this.#supervised.has(process_.name))
      throw new Error(`${process_.name} is already supervised`);
    const log = createStream(`${process_.name}.log`, {
      path: this.logDirectory,
      size: '10M',
      maxFiles: 2,
    });
    const supervised: Supervised = {
      process: process_,
      log,
      child: undefined,
      backoffMs: BACKOFF_MS_MIN,
      timer: undefined,
      stopping: false,
    };
    this.#supervised.set(process_.name, supervised);
    this.#spawn(supervised);
  }

  /** Whether the process runs at this moment. */
  isAlive(name: string): boolean {
    const child = this.#supervised.get(name)?.child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Names of everything supervised, in the order of their starts. */
  names(): string[] {
    return [...this.#supervised.keys()];
  }

  /** Ends a process at once; it is started again as after any death. */
  restart(name: string): void {
    const child = this.#supervised.get(name)?.child;
    if (child !== undefined) signalGroup(child, 'SIGKILL');
  }

  /** SIGTERM to the whole group, SIGKILL after a grace time; resolves when it is gone. */
  async stop(name: string): Promise<void> {
    const supervised = this.#supervised.get(name);
    if (supervised === undefined) return;
    supervised.stopping = true;
    clearTimeout(supervised.timer);
    const { child } = supervised;
    if (child !== undefined && this.isAlive(name)) {
      const exited = once(child, 'exit');
      signalGroup(child, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_GRACE_MS);
      await exited;
      clearTimeout(timer);
    }
    // What the process itself started and left behind.
    if (child !== undefined) signalGroup(child, 'SIGKILL');
    this.#supervised.delete(name);
    supervised.log.end();
  }

  #spawn(supervised: Supervised): void {
    const { process: process_, log } = supervised;
    const [command, ...args] = process_.command;
    const startedAtMs = Date.now();
    const child = spawn(command, args, {
      cwd: process_.directory,
      env: { ...process.env, ...process_.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    supervised.child = child;
    if (child.pid !== undefined) this.registry.add(process_.name, child.pid);
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    let over = false;
    const ended = (reason: string) => {
      if (over) return;
      over = true;
      if (child.pid !== undefined) {
        signalGroup(child, 'SIGKILL');
        this.registry.remove(child.pid);
      }
      if (supervised.stopping) return;
      if (Date.now() - startedAtMs > HEALTHY_AFTER_MS) supervised.backoffMs = BACKOFF_MS_MIN;
      this.onDeath({ name: process_.name, reason, restartInMs: supervised.backoffMs });
      supervised.timer = setTimeout(() => {
        this.#spawn(supervised);
      }, supervised.backoffMs);
      supervised.backoffMs = Math.min(BACKOFF_MS_MAX, supervised.backoffMs * 2);
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) =>
      ended(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is already gone.
  }
}
