import { execa } from 'execa';
import { findOnPath, isExecutable } from './find-on-path.js';
import { PartError } from './part-error.js';

/** How one program is found or installed. */
export interface BinarySource {
  /** Name on PATH. */
  readonly name: string;
  /** Environment variable that names the program's path and overrides everything else. */
  readonly variable: string;
  /** Version of the program at a path, such as `1.40.0`. */
  version(path: string): Promise<string>;
  /** Whether that version can be used. */
  accepts(version: string): boolean;
  /** Whether one that is installed is better than one on PATH. */
  prefersInstalled?(): Promise<boolean>;
  /** Where `install` puts it. */
  cachedPath(): Promise<string>;
  /** Downloads or builds it to `cachedPath()`, until the signal. @throws PartError */
  install(signal?: AbortSignal): Promise<void>;
}

/** A usable program. */
export interface Binary {
  readonly path: string;
  readonly version: string;
  /** True when this call downloaded or built it. */
  readonly installed: boolean;
}

/**
 * Finds a program: the variable, then PATH when the version fits and an installed one is not preferred, then the
 * cache; else installs it.
 * @throws PartError when the variable names no program, or the installation fails
 */
export async function ensureBinary(source: BinarySource, signal?: AbortSignal): Promise<Binary> {
  const named = process.env[source.variable];
  if (named !== undefined) return namedBinary(source, named);
  const prefersInstalled = (await source.prefersInstalled?.()) === true;
  const before = prefersInstalled ? undefined : await binaryOnPath(source);
  if (before !== undefined) return before;
  const cached = await source.cachedPath();
  const installed = !(await isExecutable(cached));
  if (installed) {
    try {
      await source.install(signal);
    } catch (error) {
      const instead = prefersInstalled ? await binaryOnPath(source) : undefined;
      if (instead === undefined || signal?.aborted === true) throw error;
      return instead;
    }
  }
  return { path: cached, version: await source.version(cached), installed };
}

async function binaryOnPath(source: BinarySource): Promise<Binary | undefined> {
  const path = await findOnPath(source.name);
  if (path === undefined) return undefined;
  const version = await source.version(path).catch(() => undefined);
  const usable = version !== undefined && source.accepts(version);
  return usable ? { path, version, installed: false } : undefined;
}

async function namedBinary(source: BinarySource, path: string): Promise<Binary> {
  try {
    return { path, version: await source.version(path), installed: false };
  } catch (error) {
    throw new PartError(
      source.name,
      `${source.variable}=${path} does not run`,
      `Correct ${source.variable} or unset it`,
      {
        cause: error,
      },
    );
  }
}

/** First match of a pattern in a program's version output. */
export async function versionFrom(
  path: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const { stdout } = await execa(path, args, { timeout: 20_000 });
  const version = pattern.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} ${args.join(' ')} printed no version`);
  return version;
}
