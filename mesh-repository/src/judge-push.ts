import { GitRefError } from '@dotline/control-plane/change-preview/git-ref-error';
import { PUSHERS_REF } from '@dotline/control-plane/mesh-source/pusher-note';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import { askGit } from '@dotline/platform-process/git';
import { type Baseline, type CheckedCommit, type CheckTools, checkCommit } from './check-commit.js';
import type { MeshBranch } from './mesh-branch.js';
import { namesPeople, ownershipProblems } from './ownership.js';
import { isMeshContent } from './path-owner.js';
import { changedPaths, readOwnedChange } from './read-owned-change.js';
import { isLive, type RefUpdate } from './ref-update.js';

/** The push option that says: I know that it denies real traffic. */
export const CUT_TRAFFIC = 'cut-traffic';
/** Of branches that are not enforced, so many are looked at in one push. */
const BRANCHES_CHECKED_MAX = 3;

/** A push, and what it is judged with. */
export interface Push {
  readonly updates: readonly RefUpdate[];
  readonly pusher: string;
  /** As given with `git push -o`. */
  readonly options: readonly string[];
  readonly baseline: Omit<Baseline, 'commit'>;
  /** Files of the mesh directory that differ from its commit, relative to it. */
  readonly changedByHand: ReadonlySet<string>;
}

/** What is said of one ref of a push. */
export interface Verdict {
  readonly update: RefUpdate;
  readonly isLive: boolean;
  /** Why it is not taken, a line each; empty when it is. */
  readonly refusals: readonly string[];
  /** What its pusher should know all the same. */
  readonly warnings: readonly string[];
  /** Paths that it changes, relative to the mesh directory. */
  readonly paths: ReadonlySet<string>;
  /** `undefined` when it was not looked at. */
  readonly checked: CheckedCommit | undefined;
}

/** Judges every ref of a push. @throws OpaError, GitError */
export async function judgePush(
  mesh: MeshBranch,
  push: Push,
  tools: CheckTools,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let branches = 0;
  for (const update of push.updates) {
    if (isLive(mesh, update)) {
      verdicts.push(await judgeLive(mesh, update, push, tools));
    } else if (update.ref === PUSHERS_REF) {
      const refusal = `${PUSHERS_REF} is written here alone: push it nowhere`;
      verdicts.push({ ...untouched(update), refusals: [refusal] });
    } else if (update.ref.startsWith('refs/heads/') && branches < BRANCHES_CHECKED_MAX) {
      branches += 1;
      verdicts.push(await previewBranch(mesh, update, push, tools));
    } else {
      verdicts.push(untouched(update));
    }
  }
  return verdicts;
}

async function judgeLive(
  mesh: MeshBranch,
  update: RefUpdate,
  push: Push,
  tools: CheckTools,
): Promise<Verdict> {
  const { before, after } = update;
  const verdict = { ...untouched(update), isLive: true };
  const refused = (...refusals: readonly string[]) => ({ ...verdict, refusals });
  if (after === undefined) {
    return refused(`${mesh.branch} is enforced and cannot be deleted`);
  }
  if (before !== undefined && !(await isForward(mesh, before, after))) {
    return refused(
      `${mesh.branch} is enforced and its history is not rewritten: git pull --rebase, then push without force; git revert takes a change back`,
    );
  }
  const owned = await readOwned(mesh, before, after);
  if (typeof owned === 'string') return refused(owned);
  const judges = namesPeople(owned.people);
  const foreign = ownershipProblems(judges ? owned : everybodys(owned), push.pusher);
  const inTheWay = owned.paths.filter((path) => push.changedByHand.has(path));
  const refusals = [
    ...foreign.map(formatProblem),
    ...inTheWay.map(
      (path) =>
        `${path}:1: has been changed by hand in the mesh directory: commit or discard that first`,
    ),
  ];
  const known = { ...verdict, paths: new Set(owned.paths) };
  if (refusals.length > 0) return { ...known, refusals };
  if (before !== undefined && !owned.paths.some(isMeshContent)) return known;
  const warnings = judges
    ? []
    : [
        'mesh.yaml names no people, so whoever may push may change everything: add people to teams and platform',
      ];
  const checked = await checkCommit(
    mesh,
    after,
    known.paths,
    { ...push.baseline, commit: before },
    tools,
  );
  const { report, preview } = checked;
  const errors = report.remarks.filter(({ severity }) => severity === 'error').map(formatProblem);
  const cuts = preview?.verdict === 'unsafe' && !push.options.includes(CUT_TRAFFIC);
  const cut = `it would deny real traffic, listed above; when that is meant: git push -o ${CUT_TRAFFIC}`;
  return { ...known, warnings, checked, refusals: cuts ? [...errors, cut] : errors };
}

/** What a branch would do; it is taken whatever that is. */
async function previewBranch(
  mesh: MeshBranch,
  update: RefUpdate,
  push: Push,
  tools: CheckTools,
): Promise<Verdict> {
  const { after } = update;
  const verdict = untouched(update);
  if (after === undefined) return verdict;
  const live = `refs/heads/${mesh.branch}`;
  const isKnown = await isSo(mesh, ['rev-parse', '--verify', '--quiet', live]);
  try {
    const baseline = { ...push.baseline, commit: isKnown ? live : undefined };
    const paths = new Set(await changedPaths(mesh, isKnown ? live : undefined, after));
    const checked = await checkCommit(mesh, after, paths, baseline, tools);
    return { ...verdict, checked, paths };
  } catch (error) {
    if (!(error instanceof GitRefError)) throw error;
    return { ...verdict, warnings: [error.message] };
  }
}

async function readOwned(mesh: MeshBranch, before: string | undefined, after: string) {
  const file = `${mesh.folder === '' ? '' : `${mesh.folder}/`}mesh.yaml`;
  for (const commit of before === undefined ? [after] : [before, after]) {
    if (!(await isSo(mesh, ['cat-file', '-e', `${commit}:${file}`]))) {
      return `${file}:1: is missing at ${commit.slice(0, 10)}: ${mesh.branch} is the branch of a mesh directory`;
    }
  }
  try {
    return await readOwnedChange(mesh, before, after);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return error.message;
  }
}

/** Where nobody is named nobody can be refused, but for what no commit may touch. */
function everybodys(owned: Awaited<ReturnType<typeof readOwnedChange>>): typeof owned {
  const paths = owned.paths.filter((path) => path.split('/')[0] === '.dotline');
  return { ...owned, isFirst: false, paths };
}

function isForward(mesh: MeshBranch, before: string, after: string): Promise<boolean> {
  return isSo(mesh, ['merge-base', '--is-ancestor', before, after]);
}

/** A question that Git answers by how it ends. */
async function isSo(mesh: MeshBranch, args: readonly string[]): Promise<boolean> {
  return (await askGit(mesh, args)) !== undefined;
}

function untouched(update: RefUpdate): Verdict {
  return {
    ...{ update, isLive: false, refusals: [], warnings: [] },
    ...{ paths: new Set<string>(), checked: undefined },
  };
}
