import { createHash } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from './cache-directory.js';
import { findOnPath } from './find-on-path.js';
import { installationError, outputOf } from './installation-error.js';
import { PartError } from './part-error.js';

const INSTALL_TIMEOUT_MS = 600_000;

/** A virtual environment with everything that one `requirements.txt` names. */
export interface PythonEnvironment {
  /** Folder of `python` and the installed programs, to put first on PATH. */
  readonly programs: string;
  /** Folder of the `requirements.txt`: the root of the services' own packages. */
  readonly root: string;
}

/**
 * Makes the virtual environment of a `requirements.txt`, once for each content and Python version.
 * @throws PartError when Python, its venv module or a package is missing
 */
export async function pythonEnvironment(
  requirements: string,
  signal?: AbortSignal,
): Promise<PythonEnvironment> {
  const python = await findOnPath('python3');
  if (python === undefined)
    throw new PartError('Python', 'python3 is not on PATH', 'Install Python 3.11 or newer');
  const { stdout: version } = await execa(python, ['-c', 'import sys; print(sys.version)']);
  const hash = createHash('sha256')
    .update(version)
    .update(await requirementsText(requirements))
    .digest('hex')
    .slice(0, 16);
  const directory = await cacheDirectory(`python-${hash}`);
  const environment = { programs: join(directory, 'bin'), root: dirname(requirements) };
  const complete = join(directory, 'complete');
  if (
    await access(complete).then(
      () => true,
      () => false,
    )
  )
    return environment;
  const options = {
    timeout: INSTALL_TIMEOUT_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  };
  try {
    await execa(python, ['-m', 'venv', '--clear', directory], options);
    await execa(
      join(environment.programs, 'python'),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements],
      options,
    );
    await writeFile(complete, '');
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    const part = `Python packages of ${requirements}`;
    if (/ensurepip|No module named venv/.test(outputOf(error))) {
      const wayOut = 'Install it (Debian: apt-get install python3-venv)';
      throw new PartError(part, `${python} has no venv module`, wayOut, { cause: error });
    }
    throw installationError(part, dirname(directory), error, {
      reason: 'pip install failed',
      wayOut: 'Check the network and pip configuration, then start again',
    });
  }
  return environment;
}

/** The file with every file that it includes by `-r`, so that a change of any of them makes a new environment. */
async function requirementsText(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  const included = [...text.matchAll(/^-r\s+(\S+)/gm)].map((match) => match[1] ?? '');
  const texts = await Promise.all(
    included.map((name) => requirementsText(join(dirname(path), name))),
  );
  return [text, ...texts].join('\n');
}
