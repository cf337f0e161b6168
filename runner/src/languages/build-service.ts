import { mkdir } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { pythonEnvironment } from '@dotline/local-parts/python-environment';
import type { Mesh, Service } from '@dotline/model/mesh';
import { BuildError } from './build-error.js';
import { buildGo } from './go.js';
import { nearestFile } from './nearest-file.js';

/** A service that is ready to be started. */
export interface BuiltService {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
}

/** Installs what the Python services of a mesh need, once for each `requirements.txt`. @throws PartError */
export async function preparePython(mesh: Mesh, signal: AbortSignal): Promise<void> {
  const services = mesh.services.filter(({ language }) => language === 'python');
  const found = await Promise.all(
    services.map(({ directory }) => nearestFile(directory, 'requirements.txt', mesh.directory)),
  );
  for (const file of new Set(found)) if (file !== undefined) await pythonEnvironment(file, signal);
}

/**
 * Prepares a service by its language: Go programs are compiled, Python services get the virtual
 * environment of the nearest `requirements.txt`, TypeScript runs as `npm run build` made it.
 * @throws BuildError
 */
export async function buildService(
  service: Service,
  meshDirectory: string,
  buildDirectory: string,
): Promise<BuiltService> {
  await mkdir(buildDirectory, { recursive: true });
  const [program, ...args] = service.command;
  if (program === undefined)
    throw new BuildError(service.name, 'its command is empty.', `See ${service.file}`);
  switch (service.language) {
    case 'go': {
      const binary = await buildGo(service, buildDirectory);
      const command = [program, ...args].map((part) => part.replaceAll('{binary}', binary));
      return { command: command as [string, ...string[]], environment: {} };
    }
    case 'python': {
      const requirements = await nearestFile(service.directory, 'requirements.txt', meshDirectory);
      if (requirements === undefined) return { command: [program, ...args], environment: {} };
      const python = await pythonEnvironment(requirements);
      return {
        command: [program, ...args],
        environment: {
          PATH: `${python.programs}${delimiter}${process.env.PATH ?? ''}`,
          PYTHONPATH: python.root,
          PYTHONUNBUFFERED: '1',
        },
      };
    }
    case 'typescript':
    case 'javascript':
      return {
        command: [program === 'node' ? process.execPath : program, ...args],
        environment: {},
      };
    case 'envoy':
      throw new BuildError(service.name, 'its sidecar is all that runs.', `See ${service.file}`);
  }
}
