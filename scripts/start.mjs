// `npm start`: sets up what is missing, then runs the mesh of this repository until Ctrl-C.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();
const child = spawn(
  process.execPath,
  [join(root, 'cli', 'bin', 'dotline.js'), 'up', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
// Ctrl-C reaches the child by itself; the others are handed on. Either way the child decides when all is stopped.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));
