import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { meshFolders } from './mesh-state.js';
import { endLeftovers } from './process-registry.js';
import { readRun, removeRun } from './run-file.js';

const STOP_TIMEOUT_MS = 60_000;

/** What `down` found and did. */
export type DownResult = 'stopped' | 'was-not-up';

/** Stops the mesh of a directory, also what a killed runner left behind. */
export async function down(meshDirectory: string): Promise<DownResult> {
  const folders = await meshFolders(meshDirectory);
  const run = await readRun(folders);
  if (run !== undefined) {
    process.kill(run.pid, 'SIGTERM');
    for (
      let waited = 0;
      waited < STOP_TIMEOUT_MS && (await readRun(folders)) !== undefined;
      waited += 100
    )
      await sleep(100);
  }
  const leftovers = await endLeftovers(join(folders.root, 'processes.json'));
  await removeRun(folders);
  return run !== undefined || leftovers.length > 0 ? 'stopped' : 'was-not-up';
}
