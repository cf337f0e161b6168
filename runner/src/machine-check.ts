import { once } from 'node:events';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { findOnPath } from '@dotline/local-parts/find-on-path';
import type { Service } from '@dotline/model/mesh';

/** This machine cannot run the mesh now; says what to do about it. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

const FREE_BYTES_MIN = 1024 ** 3;
/** What the packages of PostgreSQL, ClickHouse, Envoy and Valkey are made for. */
const ARCHITECTURES = ['x64', 'arm64'];

/** @throws MachineError when not all parts of a mesh exist for this system */
export function checkPlatform(platform: string, architecture: string): void {
  if (platform === 'linux' && ARCHITECTURES.includes(architecture)) return;
  throw new MachineError(
    `this is ${platform} on ${architecture}; a mesh runs on Linux on ${ARCHITECTURES.join(' or ')}: use such a machine, a container or a virtual machine`,
  );
}

/** @throws MachineError when the services need a language that is not installed */
export async function checkLanguages(services: readonly Service[]): Promise<void> {
  for (const { language, program, wayOut } of [
    { language: 'go', program: 'go', wayOut: 'install Go 1.26 or newer' },
    { language: 'python', program: 'python3', wayOut: 'install Python 3.11 or newer with venv' },
  ]) {
    const names = services.filter((each) => each.language === language).map(({ name }) => name);
    if (names.length === 0 || (await findOnPath(program)) !== undefined) continue;
    throw new MachineError(`${program} is not on PATH, and ${names.join(', ')} need it: ${wayOut}`);
  }
}

/** @throws MachineError when the disk is nearly full */
export async function checkDisk(directory: string): Promise<void> {
  const disk = await statfs(directory);
  const free = disk.bavail * disk.bsize;
  if (free < FREE_BYTES_MIN) {
    const mebibytes = Math.round(free / 1024 ** 2);
    throw new MachineError(
      `only ${mebibytes} MiB are free on the disk of ${directory}: free 1 GiB and start again`,
    );
  }
}

/** @throws MachineError when another program listens on the port */
export async function checkPort(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new MachineError(
        `port ${port} is taken by another program; end it or choose another port: npm start -- --port ${port + 1}`,
      );
    if (code === 'EACCES')
      throw new MachineError(
        `port ${port} needs privileges; choose one above 1023: npm start -- --port 8080`,
      );
    throw error;
  } finally {
    server.close();
  }
}
