import { once } from 'node:events';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';

/** This machine cannot run the mesh now; says what to do about it. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

const FREE_BYTES_MIN = 1024 ** 3;

/** @throws MachineError when the disk is nearly full */
export async function checkDisk(directory: string): Promise<void> {
  const disk = await statfs(directory);
  const free = disk.bavail * disk.bsize;
  if (free < FREE_BYTES_MIN) {
    const mebibytes = Math.round(free / 1024 ** 2);
    throw new MachineError(
      `only ${mebibytes} MiB are free on the disk of ${directory}; free 1 GiB and start again`,
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
