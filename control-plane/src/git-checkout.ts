import { resolve } from 'node:path';
import { askGit } from '@dotline/platform-process/git';

/** Nothing waits for Git longer than this. */
const LOOK = { timeoutMs: 10_000 };
/** A first revision may have thousands of commits. */
const AUTHORS_MAX = 500;
const AUTHORS_KEPT_MAX = 10_000;
/** What `git status --porcelain=v2 --branch` says in front of the commit; before the first one it is `(initial)`. */
const HEAD = '# branch.oid ';
const COMMIT = /^[0-9a-f]{40,64}$/;
/** What a revision is made from; changes elsewhere in a repository do not matter. */
const CONTENT = ['mesh.yaml', 'services', 'policies', 'slo'];

/** Where Git keeps what names the commit of a checkout. Both absolute. */
export interface GitFolders {
  /** Holds `HEAD`. */
  readonly own: string;
  /** Holds `refs`; another than `own` in a linked worktree. */
  readonly common: string;
}

/** The commit of a mesh directory, or `undefined` outside a checkout and while its content is changed. */
export async function cleanCommit(directory: string): Promise<string | undefined> {
  const args = ['status', '--porcelain=v2', '--branch', '--', ...CONTENT];
  const lines =
    (await askGit(directory, args, LOOK))?.split('\n').filter((line) => line !== '') ?? [];
  // What is not a heading is a change.
  if (!lines.every((line) => line.startsWith('# '))) return undefined;
  const commit = lines.find((line) => line.startsWith(HEAD))?.slice(HEAD.length);
  return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
}

/**
 * Who made commits, such as `Ada <ada@example.com>`, by commit. What was asked once is known, since a
 * commit does not change.
 */
export class CommitAuthors {
  readonly #known = new Map<string, string>();

  /** Commits that the checkout of the directory does not have are left out. */
  async of(directory: string, commits: Iterable<string>): Promise<ReadonlyMap<string, string>> {
    const asked = [...new Set(commits)]
      .filter((commit) => COMMIT.test(commit))
      .slice(0, AUTHORS_MAX);
    if (this.#known.size > AUTHORS_KEPT_MAX) this.#known.clear();
    await this.#learn(
      directory,
      asked.filter((commit) => !this.#known.has(commit)),
    );
    return new Map(
      asked.flatMap((commit) => {
        const author = this.#known.get(commit);
        return author === undefined ? [] : [[commit, author]];
      }),
    );
  }

  async #learn(directory: string, commits: readonly string[]): Promise<void> {
    if (commits.length === 0) return;
    const args = ['log', '--no-walk=unsorted', '--ignore-missing', '--format=%H %aN <%aE>'];
    const output = await askGit(directory, [...args, ...commits, '--'], LOOK);
    for (const line of (output ?? '').split('\n')) {
      const gap = line.indexOf(' ');
      if (gap !== -1) this.#known.set(line.slice(0, gap), line.slice(gap + 1));
    }
  }
}

/** Git's folders for a directory, or `undefined` outside a checkout. */
export async function gitFolders(directory: string): Promise<GitFolders | undefined> {
  const output = await askGit(directory, ['rev-parse', '--git-dir', '--git-common-dir'], LOOK);
  const [own, common] = output?.split('\n') ?? [];
  if (own === undefined || common === undefined) return undefined;
  return { own: resolve(directory, own), common: resolve(directory, common) };
}
