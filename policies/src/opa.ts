import { execa } from 'execa';
import pLimit from 'p-limit';
import { OpaError } from './opa-error.js';

/** Oldest minor version of OPA 1 whose syntax tree, checks and WebAssembly this compiler was tried with. */
const MINOR_VERSION_MIN = 22;
const PROCESSES_MAX = 2;
/** A run of a team's files takes 0.05 s. What takes far more is refused; waiting on a busy machine does not count. */
const CPU_SECONDS_MAX = 5;
const TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Of address space, of which Go reserves more than it uses. */
const MEMORY_KIB_MAX = 6 * 1024 * 1024;
/** For `sh -c`: the kernel ends what exceeds a limit; a system that does not know one goes without it. */
export const MEMORY_LIMITED = `ulimit -v ${MEMORY_KIB_MAX} 2>/dev/null; exec "$0" "$@"`;
const LIMITED = `ulimit -t ${CPU_SECONDS_MAX} 2>/dev/null; ${MEMORY_LIMITED}`;
/** What the shell says of a program that is not there or cannot be run. */
const NOT_RUN = new Set([126, 127]);

/**
 * A run lasts some hundredths of a second, and a third of them went into collecting garbage that ends with
 * the process anyway; only one that grows large collects it.
 * https://pkg.go.dev/runtime#hdr-Environment_Variables
 */
const QUICK = { GOGC: 'off', GOMEMLIMIT: '512MiB' };

export interface OpaOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `opa` executable, at most two processes of it at a time. */
export class Opa {
  readonly #limit = pLimit(PROCESSES_MAX);

  private constructor(
    readonly path: string,
    /** Such as `1.22.2`. */
    readonly version: string,
  ) {}

  /** @throws OpaError when there is no OPA at the path, or one of an unsupported version */
  static async open(path: string): Promise<Opa> {
    const { stdout } = await runProcess(path, ['version'], process.cwd());
    const version = /^Version:\s*v?(\d+\.\d+\.\d+\S*)/m.exec(stdout)?.[1];
    if (version === undefined) {
      throw new OpaError('failed', path, `${path} version does not answer as OPA does: ${stdout}`);
    }
    const [major, minor] = version.split('.').map(Number);
    if (major !== 1 || minor === undefined || minor < MINOR_VERSION_MIN) {
      throw new OpaError(
        'unsupported-version',
        path,
        `${path} is OPA ${version}; policies need OPA 1.${MINOR_VERSION_MIN} or a later 1.x: ` +
          'put that one on PATH or name it in OPA_PATH',
      );
    }
    return new Opa(path, version);
  }

  /**
   * Runs one command and waits for its end, whatever its exit code.
   * @throws OpaError when it cannot be started, is killed, works for more than 5 s or prints more than 64 MiB
   */
  run(args: readonly string[], directory: string): Promise<OpaOutput> {
    return this.#limit(() => runProcess(this.path, args, directory));
  }
}

async function runProcess(
  path: string,
  args: readonly string[],
  directory: string,
): Promise<OpaOutput> {
  const result = await execa('sh', ['-c', LIMITED, path, ...args], {
    cwd: directory,
    reject: false,
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
    stripFinalNewline: false,
    env: QUICK,
  });
  if (result.exitCode !== undefined && NOT_RUN.has(result.exitCode)) {
    throw new OpaError(
      'missing',
      path,
      `there is no OPA at ${path}: install OPA 1.${MINOR_VERSION_MIN} or a later 1.x, then put it on PATH or name it in OPA_PATH`,
      { cause: result },
    );
  }
  if (result.exitCode === undefined) {
    const why = exhaustion(result);
    if (why !== undefined) {
      throw new OpaError('exhausted', path, `opa ${args[0]} ${why}`, { cause: result });
    }
    const message = `opa ${args.join(' ')}: ${result.originalMessage}`;
    throw new OpaError('failed', path, message, { cause: result });
  }
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}

/** Which limit ended a process, if one did. */
function exhaustion(result: {
  readonly timedOut: boolean;
  readonly isMaxBuffer: boolean;
  readonly signal?: string;
}): string | undefined {
  if (result.timedOut) return `takes more than ${TIMEOUT_MS / 1000} s`;
  if (result.isMaxBuffer) return `prints more than ${OUTPUT_BYTES_MAX / 1024 / 1024} MiB`;
  if (result.signal === 'SIGXCPU' || result.signal === 'SIGKILL') {
    return `works for more than ${CPU_SECONDS_MAX} s`;
  }
  return undefined;
}
