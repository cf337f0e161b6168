import type { Witness } from '@dotline/model/edge';
import { git, gitLines, isInRepository } from '@dotline/platform-process/git';

/** Nothing waits for Git longer than this. */
const LOOK = { timeoutMs: 10_000 };
const STATUS = [
  ...['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=all'],
  ...['--no-renames', '--', 'policies'],
];

/** What was read of a history up to one commit. */
interface History {
  readonly directory: string;
  /** Path of the directory inside its repository, with a slash at its end unless empty. */
  readonly prefix: string;
  readonly head: string;
  /** By file, the last commit that touched it. */
  readonly commits: Map<string, string>;
  /** Files that were looked for in vain. */
  readonly absent: Set<string>;
}

/**
 * Knows the last commit that touched each file of a mesh directory. It asks git for what changed since it was
 * asked last; the answer is the same as that of the whole history.
 */
export class GitWitness {
  #history: History | undefined;

  /**
   * By file (relative to the directory), the commit. A file is absent when it is not committed, differs from what
   * is committed, or the directory is not in a git repository.
   */
  async lastCommits(
    directory: string,
    files: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, string>> {
    if (files.size === 0 || !isInRepository(directory)) return new Map();
    try {
      const known = this.#history?.directory === directory ? this.#history.prefix : undefined;
      const [prefix, status] = await Promise.all([
        known ?? readPrefix(directory),
        git(directory, STATUS, LOOK),
      ]);
      const { head, changed } = readStatus(status, prefix);
      const history = await this.#historyAt(directory, prefix, head);
      const wanted = [...files].filter((file) => !changed.has(file));
      const missing = wanted.filter(
        (file) => !history.commits.has(file) && !history.absent.has(file),
      );
      if (missing.length > 0) {
        const found = await readLog(directory, head, new Set(missing));
        for (const file of missing) {
          const commit = found.get(file);
          if (commit === undefined) history.absent.add(file);
          else history.commits.set(file, commit);
        }
      }
      this.#history = history;
      return new Map(
        wanted.flatMap((file): [string, string][] => {
          const commit = history.commits.get(file);
          return commit === undefined ? [] : [[file, commit]];
        }),
      );
    } catch {
      // No git, no repository, no commit yet, or a history too slow to read: rules are then uncommitted.
      this.#history = undefined;
      return new Map();
    }
  }

  /** What is known of the commit, taken over from the one before if it is an ancestor in a straight line. */
  async #historyAt(directory: string, prefix: string, head: string): Promise<History> {
    const before = this.#history;
    const fresh = { directory, prefix, head, commits: new Map(), absent: new Set<string>() };
    if (before?.directory !== directory) return fresh;
    if (before.head === head) return before;
    const since = await readStraightLine(directory, before.head, head);
    if (since === undefined) return fresh;
    const absent = [...before.absent].filter((file) => !since.has(file));
    return { ...fresh, commits: new Map([...before.commits, ...since]), absent: new Set(absent) };
  }
}

/** The same, asked once. */
export function lastCommits(
  directory: string,
  files: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  return new GitWitness().lastCommits(directory, files);
}

/** The witness with the commit of its file, when there is one. */
export function withCommit(witness: Witness, commits: ReadonlyMap<string, string>): Witness {
  const commit = commits.get(witness.file);
  if (commit === witness.commit) return witness;
  if (commit !== undefined) return { ...witness, commit };
  const { commit: _before, ...rest } = witness;
  return rest;
}

function readPrefix(directory: string): Promise<string> {
  return git(directory, ['rev-parse', '--show-prefix'], LOOK);
}

/** The commit that is checked out, and the files that differ from it or are not in it. */
function readStatus(text: string, prefix: string): { head: string; changed: ReadonlySet<string> } {
  let head = '';
  const changed = new Set<string>();
  for (const entry of text.split('\0')) {
    if (entry.startsWith('# branch.oid ')) head = entry.slice('# branch.oid '.length);
    // Fields in front of the path; see "Porcelain Format Version 2" of git-status(1).
    const fields = { '1': 8, u: 10, '?': 1 }[entry.charAt(0)];
    if (fields === undefined) continue;
    const path = entry.split(' ').slice(fields).join(' ');
    if (path.startsWith(prefix)) changed.add(path.slice(prefix.length));
  }
  return { head, changed };
}

/** Reads the history newest first, and stops as soon as every file was seen. */
async function readLog(
  directory: string,
  head: string,
  files: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const commits = new Map<string, string>();
  let commit = '';
  try {
    for await (const line of gitLines(directory, logArguments(head), LOOK)) {
      if (line.startsWith('commit ')) commit = line.split(' ')[1] ?? '';
      else if (files.has(line) && !commits.has(line)) commits.set(line, commit);
      if (commits.size === files.size) break;
    }
  } catch (error) {
    // Leaving early closes git's output, and git may or may not be done by then: it fails if it is not.
    if (commits.size < files.size) throw error;
  }
  return commits;
}

/** Files touched from one commit to a later one; nothing when there is anything but a line between them. */
async function readStraightLine(
  directory: string,
  from: string,
  to: string,
): Promise<Map<string, string> | undefined> {
  // Commits that touch no policy too, since one of them may be a merge.
  const all = ['--full-history', '--sparse', '--max-count=1000'];
  const text = await git(directory, logArguments(`${from}..${to}`, all), LOOK);
  const commits = new Map<string, string>();
  let commit = '';
  let expected = to;
  // Newest first: each commit has one parent, the next one, and the last one's is where we come from.
  for (const line of text.split('\n')) {
    if (line.startsWith('commit ')) {
      const [, name = '', parent, ...others] = line.split(' ');
      if (name !== expected || parent === undefined || others.length > 0) return undefined;
      commit = name;
      expected = parent;
    } else if (line !== '' && !commits.has(line)) commits.set(line, commit);
  }
  return expected === from ? commits : undefined;
}

/** Of each commit a line with its name and its parents', then the files of policies that it touched. */
function logArguments(range: string, options: readonly string[] = []): string[] {
  return [
    ...['-c', 'core.quotePath=false', 'log', '--format=commit %H %P', '--name-only', '--relative'],
    ...['--no-renames', '--diff-filter=d', ...options, range, '--', 'policies'],
  ];
}
