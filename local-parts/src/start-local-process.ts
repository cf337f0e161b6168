import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import pRetry from 'p-retry';
import type { LocalProcess } from './local-process.js';
import { PartError } from './part-error.js';

/** A process that runs and answers. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** What it printed last, at most 64 KiB. */
  output(): string;
  /** SIGTERM, then SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

const OUTPUT_BYTES_MAX = 65_536;

/**
 * Starts a process once, without repairing it, and waits until it is ready. For tests and tools;
 * the runner keeps a mesh's processes alive.
 * @throws PartError when it ends, or does not answer in `timeoutMs`; carries its last output
 */
export async function startLocalProcess(
  process_: LocalProcess,
  timeoutMs = 30_000,
): Promise<RunningProcess> {
  const [command, ...args] = process_.command;
  const child = spawn(command, args, {
    cwd: process_.directory,
    env: { ...process.env, ...process_.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-OUTPUT_BYTES_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const running: RunningProcess = {
    child,
    output: () => output,
    stop: (graceMs = 5000) => stop(child, graceMs),
  };
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`ended with ${signal ?? code}`)));
  });
  ended.catch(() => undefined);
  try {
    await Promise.race([ended, waitUntilReady(process_, timeoutMs)]);
    return running;
  } catch (error) {
    await running.stop(0);
    throw new PartError(
      process_.name,
      `did not start: ${output.trim().split('\n').slice(-5).join('\n') || String(error)}`,
      'See its output above',
      { cause: error },
    );
  }
}

/** Asks every 100 ms until the process answers. */
export async function waitUntilReady(
  process_: Pick<LocalProcess, 'ready'>,
  timeoutMs: number,
): Promise<void> {
  await pRetry(() => process_.ready().catch(rethrow), {
    retries: Math.ceil(timeoutMs / 100),
    factor: 1,
    minTimeout: 100,
    maxRetryTime: timeoutMs,
  });
}

/** Errors of Node's own modules are no errors to a library in another realm, such as a test's. */
function rethrow(error: unknown): never {
  throw new Error(String(error), { cause: error });
}

async function stop(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}
