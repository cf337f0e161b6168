import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process whose log lines are JSON, the platform's way. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** The log entry that said `listening`. */
  readonly listening: Readonly<Record<string, unknown>>;
}

/** Starts a Node program and waits until it logs `listening`. @throws Error with its last lines */
export async function startProcess(
  main: string,
  environment: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = `${errors}${text}`.slice(-4_000);
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${main} ended with ${code}: ${errors}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line);
      if (entry.msg === 'listening') resolve({ child, listening: entry });
    });
  });
}

/** Ends a process and waits for its end. */
export async function endProcess(
  { child }: RunningProcess,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
