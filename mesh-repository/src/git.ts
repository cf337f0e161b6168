import { execa } from 'execa';

const TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 256 * 1024 * 1024;

/** Git did not do what it was asked to; the message is its own first line. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

/**
 * Runs Git for a repository, by its Git folder, and returns what it prints. Objects of a push that is not
 * taken yet are found as long as the hook's environment is kept.
 * @throws GitError
 */
export async function git(
  gitFolder: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const ran = await execa('git', [`--git-dir=${gitFolder}`, ...args], {
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_MAX,
    reject: false,
  });
  if (!ran.failed) return ran.stdout;
  const line = ran.stderr.split('\n').find((text) => text.trim() !== '');
  throw new GitError(line ?? ran.shortMessage);
}

/** The same for a question that Git answers with its exit code. */
export async function gitSays(gitFolder: string, args: readonly string[]): Promise<boolean> {
  const { failed } = await execa('git', [`--git-dir=${gitFolder}`, ...args], {
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
    reject: false,
  });
  return !failed;
}

/** The list that Git prints with `-z`. */
export function splitAtNul(output: string): string[] {
  return output.split('\0').filter((part) => part !== '');
}
