import type { LocalProcess } from '@dotline/local-parts/local-process';
import { type RunningProcess, startLocalProcess } from '@dotline/local-parts/start-local-process';

/** A dozen programs start at once, perhaps on a machine that has other work. */
const START_MS_MAX = 120_000;

/**
 * Starts a process and waits until it answers. Errors of Node's own modules are of another realm than
 * a test's, and retrying does not know them for errors, so they are made anew here.
 */
export async function startProcess(process: LocalProcess): Promise<RunningProcess> {
  const answering = {
    ...process,
    ready: () =>
      process.ready().catch((error: unknown) => {
        throw new Error(String(error));
      }),
  };
  return startLocalProcess(answering, START_MS_MAX);
}
