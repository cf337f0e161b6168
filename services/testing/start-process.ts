import type { LocalProcess } from '@dotline/local-parts/local-process';
import { type RunningProcess, startLocalProcess } from '@dotline/local-parts/start-local-process';

/** A dozen programs start at once, perhaps on a machine that has other work. */
const START_MS_MAX = 120_000;

/** Starts a process and waits until it answers. */
export function startProcess(process: LocalProcess): Promise<RunningProcess> {
  return startLocalProcess(process, START_MS_MAX);
}
