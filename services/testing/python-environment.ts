import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { SERVICES_DIRECTORY } from './service-file.js';

const INSTALL_MS_MAX = 300_000;

/**
 * The interpreter that runs Python services: `DOTLINE_PYTHON`, else that of a virtual environment
 * below `services/.venv`, made once for each content of requirements.txt.
 */
export async function ensurePython(): Promise<string> {
  const given = process.env.DOTLINE_PYTHON;
  if (given !== undefined) return given;
  const requirements = join(SERVICES_DIRECTORY, 'requirements.txt');
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const environment = join(SERVICES_DIRECTORY, '.venv', version.slice(0, 12));
  const python = join(environment, 'bin', 'python');
  const complete = join(environment, 'complete');
  const exists = await access(complete).then(
    () => true,
    () => false,
  );
  if (exists) return python;
  await execa('python3', ['-m', 'venv', '--clear', environment], { timeout: INSTALL_MS_MAX });
  await execa(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], {
    timeout: INSTALL_MS_MAX,
  });
  await execa('touch', [complete]);
  return python;
}
