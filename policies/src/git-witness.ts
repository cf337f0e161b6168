import type { Witness } from '@dotline/model/edge';
import { execa } from 'execa';

const TIMEOUT_MS = 10_000;

/**
 * For each of the given files (relative to the directory), the last commit that touched it. A file is absent
 * when it is not committed, differs from what is committed, or the directory is not in a git repository.
 */
export async function lastCommits(
  directory: string,
  files: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  if (files.size === 0) return new Map();
  try {
    const [log, changed, untracked] = await Promise.all([
      readLog(directory, files),
      readNames(directory, ['diff', '--name-only', '--relative', '--no-renames', '-z', 'HEAD']),
      readNames(directory, ['ls-files', '--others', '-z']),
    ]);
    for (const file of [...changed, ...untracked]) log.delete(file);
    return log;
  } catch {
    // No git, no repository, no commit yet, or a history too slow to read: rules are then uncommitted.
    return new Map();
  }
}

/** The witness with the commit of its file, when there is one. */
export function withCommit(witness: Witness, commits: ReadonlyMap<string, string>): Witness {
  const { commit: _before, ...rest } = witness;
  const commit = commits.get(witness.file);
  return commit === undefined ? rest : { ...rest, commit };
}

/** Reads the history newest first, and stops as soon as every file was seen. */
async function readLog(
  directory: string,
  files: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const commits = new Map<string, string>();
  const log = execa(
    'git',
    [
      ...['-c', 'core.quotePath=false', 'log', '--format=commit %H', '--name-only', '--relative'],
      ...['--no-renames', '--diff-filter=d', '--', 'policies'],
    ],
    { cwd: directory, timeout: TIMEOUT_MS, buffer: false, stdin: 'ignore', stderr: 'ignore' },
  );
  let commit = '';
  try {
    for await (const line of log) {
      if (line.startsWith('commit ')) commit = line.slice('commit '.length);
      else if (files.has(line) && !commits.has(line)) commits.set(line, commit);
      if (commits.size === files.size) break;
    }
  } catch (error) {
    // Leaving early closes git's output, and git may or may not be done by then: it fails if it is not.
    if (commits.size < files.size) throw error;
  }
  return commits;
}

async function readNames(directory: string, args: readonly string[]): Promise<string[]> {
  const { stdout } = await execa('git', [...args, '--', 'policies'], {
    cwd: directory,
    timeout: TIMEOUT_MS,
    stdin: 'ignore',
  });
  return stdout.split('\0').filter((name) => name !== '');
}
