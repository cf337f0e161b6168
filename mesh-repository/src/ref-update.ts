import type { MeshBranch } from './mesh-branch.js';

/** One line of what Git tells its hooks of a push. */
export interface RefUpdate {
  /** The commit before; `undefined` when the ref is new. */
  readonly before: string | undefined;
  /** The commit after; `undefined` when the ref is deleted. */
  readonly after: string | undefined;
  /** Such as `refs/heads/main`. */
  readonly ref: string;
}

/** Reads the standard input of `pre-receive` and `post-receive`. @throws Error when it is something else */
export function parseRefUpdates(text: string): RefUpdate[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [, before, after, ref] =
      /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (refs\/\S+)$/.exec(line) ?? [];
    if (before === undefined || after === undefined || ref === undefined) {
      throw new Error(
        `Git gives its hooks lines of two commits and a ref, not ${JSON.stringify(line)}`,
      );
    }
    return { before: orAbsent(before), after: orAbsent(after), ref };
  });
}

/** Whether a ref is the branch that is enforced. */
export function isLive({ branch }: MeshBranch, { ref }: RefUpdate): boolean {
  return ref === `refs/heads/${branch}`;
}

function orAbsent(commit: string): string | undefined {
  return /^0+$/.test(commit) ? undefined : commit;
}
