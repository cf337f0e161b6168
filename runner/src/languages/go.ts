import { join } from 'node:path';
import { findOnPath } from '@dotline/local-parts/find-on-path';
import type { Service } from '@dotline/model/mesh';
import { ExecaError, execa } from 'execa';
import { BuildError } from './build-error.js';

const BUILD_TIMEOUT_MS = 600_000;

/**
 * Builds the Go program in a service's folder; the Go tool's own cache makes an unchanged one quick.
 * @returns path of the program
 * @throws BuildError
 */
export async function buildGo(service: Service, buildDirectory: string): Promise<string> {
  const go = await findOnPath('go');
  if (go === undefined)
    throw new BuildError(service.name, 'go is not on PATH.', 'Install Go 1.26 or newer.');
  const program = join(buildDirectory, service.name);
  try {
    await execa(go, ['build', '-trimpath', '-o', program, '.'], {
      cwd: service.directory,
      timeout: BUILD_TIMEOUT_MS,
    });
  } catch (error) {
    throw new BuildError(
      service.name,
      error instanceof ExecaError ? String(error.stderr) : String(error),
      `See ${service.directory}`,
    );
  }
  return program;
}
