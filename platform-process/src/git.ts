import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

const TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 256 * 1024 * 1024;

/** Git did not do what it was asked to; the message is its own first line. */
export class GitError extends Error {
  override readonly name = 'GitError';

  constructor(
    message: string,
    /** All that Git said. */
    readonly stderr: string,
  ) {
    super(message);
  }
}

/** A directory in a checkout, or the folder that Git keeps of a repository. */
export type GitPlace = string | { readonly gitFolder: string };

/** How Git is run. */
export interface GitOptions {
  /** A minute unless given. */
  readonly timeoutMs?: number;
  /** Its standard input; nothing unless given. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Runs Git and returns what it prints, without the last line feed. It never asks anybody for a password, and
 * takes no lock only to look. Objects of a push that is not taken yet are found as long as the hook's environment
 * is kept.
 * @throws GitError
 */
export async function git(
  place: GitPlace,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const ran = await execa('git', whole(place, args), settings(options));
  if (ran.failed) throw gitError(ran.stderr, ran.shortMessage);
  return ran.stdout;
}

/** The same for a question: `undefined` when Git says no, or cannot answer, as outside of a checkout. */
export async function askGit(
  place: GitPlace,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string | undefined> {
  if (typeof place === 'string' && !isInRepository(place)) return undefined;
  const { failed, stdout } = await execa('git', whole(place, args), settings(options));
  return failed ? undefined : stdout;
}

/**
 * Whether Git can have anything to say of a directory. To start it in vain takes a hundred times as long as to look,
 * and keeps this process from its other work for some of that.
 */
export function isInRepository(directory: string): boolean {
  if (process.env.GIT_DIR !== undefined || existsSync(join(directory, '.git'))) return true;
  const parent = dirname(directory);
  return parent !== directory && isInRepository(parent);
}

/** The same for content that may be anything, to its last byte. @throws GitError */
export async function gitBytes(
  place: GitPlace,
  args: readonly string[],
  options: GitOptions = {},
): Promise<Buffer> {
  const ran = await execa('git', whole(place, args), {
    ...settings(options),
    encoding: 'buffer',
  });
  if (ran.failed) throw gitError(Buffer.from(ran.stderr).toString('utf8'), ran.shortMessage);
  return Buffer.from(ran.stdout);
}

/** The lines that Git prints, as it prints them; whoever reads no further ends it. @throws Error when it fails */
export function gitLines(
  place: GitPlace,
  args: readonly string[],
  options: Omit<GitOptions, 'input'> = {},
): AsyncIterable<string> {
  return execa('git', whole(place, args), {
    ...settings(options),
    ...{ reject: true, buffer: false, stderr: 'ignore' },
  } as const);
}

/** The list that Git prints with `-z`. */
export function splitAtNul(output: string): string[] {
  return output.split('\0').filter((part) => part !== '');
}

function whole(place: GitPlace, args: readonly string[]): string[] {
  const where = typeof place === 'string' ? ['-C', place] : [`--git-dir=${place.gitFolder}`];
  return ['--no-optional-locks', ...where, ...args];
}

function settings({ timeoutMs = TIMEOUT_MS, input, env, signal }: GitOptions) {
  return {
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    env: { GIT_TERMINAL_PROMPT: '0', ...env },
    timeout: timeoutMs,
    maxBuffer: OUTPUT_MAX,
    reject: false,
  } as const;
}

function gitError(stderr: string, shortMessage = 'git failed'): GitError {
  const line = stderr.split('\n').find((text) => text.trim() !== '');
  return new GitError(line ?? shortMessage, stderr);
}
