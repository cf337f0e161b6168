// Installs and builds what a fresh clone lacks. Needs Node alone; everything else comes from package.json.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
// Whole, because an older Node lacks some of it and is told so below.
import fs, { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MIN = [20, 11];
/** npm packages with the engine of ClickHouse, and the build. */
const FREE_BYTES_MIN = 2 * 1024 ** 3;

/** Runs one step, says what it does and how long it took; ends everything with one line when it fails. */
export function step(title, command, args, options = {}) {
  const startedAtMs = Date.now();
  process.stdout.write(`${title} …\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error !== undefined || status !== 0) {
    const reason = error === undefined ? `exit code ${status}` : error.message;
    fail(`${title}: \`${[command, ...args].join(' ')}\` failed (${reason}); its output is above.`);
  }
  process.stdout.write(`${title}: done in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
}

/** Ends with one clear line. */
export function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** npm packages (when the lock file changed since the last time) and the build (incremental). */
export function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]))
    fail(
      `Dotline needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}. Install it from https://nodejs.org and start again.`,
    );
  if (process.platform !== 'linux')
    fail(
      `Dotline runs on Linux; this is ${process.platform}. Use a Linux machine, a container or a virtual machine.`,
    );
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const marker = join(root, 'node_modules', '.dotline-lock');
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== lock) {
    const { bavail, bsize } = fs.statfsSync(root);
    if (bavail * bsize < FREE_BYTES_MIN)
      fail(
        `Only ${Math.round((bavail * bsize) / 1024 ** 2)} MiB are free on the disk of ${root}; the packages need 2 GiB. Free some space and start again.`,
      );
    // Not `npm ci`: it refuses a lock file from a registry that lacks other platforms' binaries.
    step('Installing npm packages', 'npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    mkdirSync(dirname(marker), { recursive: true });
    writeFileSync(marker, lock);
  }
  step('Building', process.execPath, [
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-b',
  ]);
  step('Building the page', process.execPath, [join(root, 'topology-ui', 'build.mjs')]);
}
