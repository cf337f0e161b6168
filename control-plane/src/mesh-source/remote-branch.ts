import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem, type Problem } from '@dotline/model/mesh-error';
import { GitError, git } from '@dotline/platform-process/git';
import type { Logger } from 'pino';
import { bringToCommit, CheckoutError } from './bring-to-commit.js';
import { PUSHERS_REF } from './pusher-note.js';

const FETCH_TIMEOUT_MS = 60_000;
const EVERY_MS = 3_000;
const BACK_OFF_MAX_MS = 60_000;
/** In the mesh directory's repository: what the remote branch was last seen at. */
const SEEN_REF = 'refs/dotline/followed';

/** A branch of a remote repository that a mesh directory follows. */
export interface FollowedBranch {
  /** Anything that `git fetch` takes, without credentials that a log may not show. */
  readonly url: string;
  readonly branch: string;
}

interface Parts {
  readonly directory: string;
  readonly followed: FollowedBranch;
  /** Problems of a commit that keep it from going live. */
  readonly check: (commit: string) => Promise<readonly Problem[]>;
  /** Told whenever it has looked: why nothing newer comes, or nothing. */
  readonly report: (problems: readonly Problem[]) => Promise<void>;
  readonly log: Logger;
  /** Between two looks, in milliseconds. */
  readonly everyMs?: number;
}

/** Nothing newer can be had at the moment. One line. */
class FetchError extends Error {
  override readonly name = 'FetchError';
}

/**
 * Brings what is pushed to a remote branch into the mesh directory, where it is found like any other
 * change. A remote that does not answer is asked ever more seldom, and a commit with problems is left
 * where it is; the mesh directory then stays as it was.
 */
export class RemoteBranch {
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  /** The last commit that was looked at, and what was wrong with it. */
  #judged: { readonly commit: string; readonly problems: readonly Problem[] } | undefined;
  #failures = 0;
  #said = '';

  constructor(private readonly parts: Parts) {}

  /** Looks at once, then goes on by itself. */
  start(): void {
    this.#running ??= this.#loop();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { signal } = this.#abort;
    const everyMs = this.parts.everyMs ?? EVERY_MS;
    while (!signal.aborted) {
      await this.#look();
      const waitMs = Math.min(everyMs * 2 ** Math.min(this.#failures, 10), BACK_OFF_MAX_MS);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    try {
      const commit = await this.#fetch();
      this.#failures = 0;
      if (this.#judged?.commit !== commit) {
        this.#judged = { commit, problems: await this.parts.check(commit) };
      }
      if (this.#judged.problems.length === 0) await bringToCommit(this.parts.directory, commit);
      await this.#say(this.#judged.problems.map((problem) => at(problem, commit)));
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof FetchError) this.#failures += 1;
      else if (!(error instanceof CheckoutError)) {
        this.#judged = undefined;
        this.#failures += 1;
      }
      const message = error instanceof Error ? error.message : String(error);
      await this.#say([{ file: 'mesh.yaml', line: 1, message }]);
    }
  }

  async #say(problems: readonly Problem[]): Promise<void> {
    const said = problems.map(formatProblem).join('\n');
    if (said !== this.#said) {
      if (said === '') this.parts.log.info('the followed branch can be had again');
      else this.parts.log.error(said);
    }
    this.#said = said;
    await this.parts.report(problems);
  }

  /** @throws FetchError */
  async #fetch(): Promise<string> {
    const { directory, followed } = this.parts;
    const { url, branch } = followed;
    const refs = [`+refs/heads/${branch}:${SEEN_REF}`, `+${PUSHERS_REF}*:${PUSHERS_REF}*`];
    const fetch = ['fetch', '--quiet', '--no-tags', '--end-of-options', url, ...refs];
    const options = { timeoutMs: FETCH_TIMEOUT_MS, signal: this.#abort.signal };
    try {
      await git(directory, fetch, options);
      return await git(directory, ['rev-parse', '--verify', SEEN_REF], options);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      throw new FetchError(
        `branch ${branch} of ${url} cannot be fetched: ${error.message}; the last good revision stays live`,
      );
    }
  }
}

/** The problem stands in a commit that is not in the mesh directory. */
function at(problem: Problem, commit: string): Problem {
  return { ...problem, message: `${problem.message} (in ${commit.slice(0, 10)}, not taken)` };
}
