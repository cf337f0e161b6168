import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import type { MeshFolders } from './mesh-state.js';
import { startTimeOf } from './process-registry.js';

const RunFile = z.object({ pid: z.number().int(), startTime: z.string(), pageUrl: z.string() });

/** The runner of a mesh directory that is up now. */
export type Run = z.infer<typeof RunFile>;

/** Says that this process runs the mesh. */
export async function writeRun(folders: MeshFolders, pageUrl: string): Promise<void> {
  const run: Run = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '', pageUrl };
  await writeFileAtomic(runPath(folders), JSON.stringify(run), { mode: 0o600 });
}

/** The runner that is up, or `undefined`. */
export async function readRun(folders: MeshFolders): Promise<Run | undefined> {
  const text = await readFile(runPath(folders), 'utf8').catch(() => undefined);
  const run = text === undefined ? undefined : RunFile.safeParse(JSON.parse(text)).data;
  return run !== undefined && startTimeOf(run.pid) === run.startTime ? run : undefined;
}

export async function removeRun(folders: MeshFolders): Promise<void> {
  await rm(runPath(folders), { force: true });
}

function runPath(folders: MeshFolders): string {
  return join(folders.root, 'run.json');
}
