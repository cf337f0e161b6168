import { namedCommit } from '@dotline/control-plane/change-preview/git-snapshot';
import {
  type ChangePreview,
  previewChange,
} from '@dotline/control-plane/change-preview/preview-change';
import {
  type PreviewPicture,
  previewPicture,
} from '@dotline/control-plane/change-preview/preview-page';
import type { PreviewSide } from '@dotline/control-plane/change-preview/preview-policies';
import type { CompiledMesh } from '@dotline/control-plane/compiled-mesh';
import { MeshError, type Problem } from '@dotline/model/mesh-error';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { withoutDocument } from '@dotline/policies/compiled-request-policy';
import type { LivePoliciesView } from '@dotline/topology-ui/policy-view';
import { BaseError } from './base-error.js';
import { type ComparisonRange, LIVE } from './comparison-range.js';
import { type CompileOptions, compileState, nameOf } from './compile-state.js';
import { readApi } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';
import { isAbsence, lookAtTraffic } from './traffic-look.js';

/** What was compared, and what came of it. */
export interface PolicyDiffResult {
  readonly base: string;
  readonly head: string;
  /** Of the head; while there are any it cannot be compared. */
  readonly problems: readonly Problem[];
  readonly preview: ChangePreview | null;
  /** For the page; `null` when there is no preview. */
  readonly picture: PreviewPicture | null;
}

interface DiffOptions extends CompileOptions {
  readonly address?: string;
  /** Days of traffic. */
  readonly days: number;
}

interface NamedSide extends PreviewSide {
  readonly name: string;
}

/**
 * Compares the policies of two moments of one mesh directory.
 * @throws GitRefError, BaseError, OpaError; UnavailableError or ApiError when the live revision was named and is not to be had
 */
export async function policyDiff(
  { base, head }: ComparisonRange,
  options: DiffOptions,
): Promise<PolicyDiffResult> {
  const commit = head === undefined ? undefined : await namedCommit(options.mesh, head);
  const before = await baseSide(base, options);
  const names = { base: before.name, head: commit ? nameOf(commit) : 'the working directory' };
  try {
    const after = sideOf(await compileState(commit, options), before.revision);
    const preview = previewChange(
      before,
      after,
      await lookAtTraffic(resolveAddress(options), options.days),
    );
    return { ...names, problems: [], preview, picture: previewPicture(before, after) };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { ...names, problems: error.problems, preview: null, picture: null };
  }
}

async function baseSide(base: string | undefined, options: DiffOptions): Promise<NamedSide> {
  if (base === undefined || base === LIVE) {
    try {
      return await liveSide(options);
    } catch (error) {
      if (base === LIVE || options.address !== undefined || !isAbsence(error)) throw error;
    }
  }
  const commit = await namedCommit(options.mesh, base ?? 'HEAD');
  try {
    // The base is what went live, with the rules that have ended since: so a change that removes them can be seen.
    const before = await compileState(commit, options, 0);
    return { ...sideOf(before), name: nameOf(commit) };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    const message = `${commit.ref} cannot be compared with, because it has problems:\n${error.message}`;
    throw new BaseError(message, { cause: error });
  }
}

async function liveSide(options: DiffOptions): Promise<NamedSide> {
  const address = await resolveAddress(options);
  const { revision, relations } = await readApi<LivePoliciesView>(address, '/api/policies/live');
  const commit = revision.commit === undefined ? '' : `, commit ${revision.commit.slice(0, 10)}`;
  return { revision, relations, name: `the live revision (${revision.id}${commit})` };
}

function sideOf(
  { mesh, edges, requestPolicies, relations }: CompiledMesh,
  previous?: Revision,
): PreviewSide {
  const content = { mesh, edges, requestPolicies: requestPolicies.map(withoutDocument) };
  return { revision: makeRevision({ ...content, createdAtMs: Date.now() }, previous), relations };
}
