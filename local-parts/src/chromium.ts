import { execa } from 'execa';
import { findOnPath } from './find-on-path.js';
import { PartError } from './part-error.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const INSTALL_TIMEOUT_MS = 600_000;

/**
 * Chromium for the browser tests: `CHROMIUM_PATH`, on PATH, else installed by Debian's package manager when that is allowed.
 * @throws PartError
 */
export async function ensureChromium(): Promise<string> {
  if (process.env.CHROMIUM_PATH !== undefined) return process.env.CHROMIUM_PATH;
  const found = await findFirst();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && (await findOnPath('apt-get')) !== undefined) {
    const options = { timeout: INSTALL_TIMEOUT_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
    try {
      await execa('apt-get', ['update', '-qq'], options);
      await execa(
        'apt-get',
        ['install', '-y', '-qq', '--no-install-recommends', 'chromium'],
        options,
      );
    } catch (error) {
      throw new PartError(
        'Chromium',
        'apt-get could not install it',
        'Install Chromium, or set CHROMIUM_PATH',
        { cause: error },
      );
    }
  }
  const installed = await findFirst();
  if (installed === undefined)
    throw new PartError('Chromium', 'not on PATH', 'Install Chromium, or set CHROMIUM_PATH');
  return installed;
}

async function findFirst(): Promise<string | undefined> {
  for (const name of NAMES) {
    const path = await findOnPath(name);
    if (path !== undefined) return path;
  }
  return undefined;
}
