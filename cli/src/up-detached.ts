import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineError } from '@dotline/runner/machine-check';
import { meshFolders } from '@dotline/runner/mesh-state';
import { readRun } from '@dotline/runner/run-file';
import { DOTLINE } from './dotline-command.js';

const START_TIMEOUT_MS = 900_000;

/** Starts this command again in the background and waits until it is up or has failed. */
export async function upDetached(options: {
  readonly mesh: string;
  readonly port: number;
  readonly follow?: string;
}): Promise<void> {
  const folders = await meshFolders(options.mesh);
  await mkdir(folders.logs, { recursive: true });
  const path = join(folders.logs, 'runner.log');
  const log = await open(path, 'w');
  const [command = '', ...args] = DOTLINE;
  const child = spawn(
    command,
    [
      ...args,
      'up',
      '--mesh',
      options.mesh,
      '--port',
      String(options.port),
      ...(options.follow === undefined ? [] : ['--follow', options.follow]),
    ],
    { detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const untilMs = Date.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && Date.now() < untilMs) {
    const run = await readRun(folders);
    if (run?.pid === child.pid) {
      console.log(`Dotline is up: ${run?.pageUrl}. npx dotline down stops it.`);
      child.unref();
      return;
    }
    await sleep(200);
  }
  throw new MachineError(`the mesh did not start; ${path} says why`);
}
