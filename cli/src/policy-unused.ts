import { commitTimes } from '@dotline/policies/unused-commit-times';
import { findUnused, type RuleAges, type UnusedReport } from '@dotline/policies/unused-edges';
import type { LivePoliciesView, PolicyUsageView } from '@dotline/topology-ui/policy-view';
import { readApi, UnavailableError } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';
import { checkTeam } from './unknown-team-error.js';

/** What every command about the use of rules is told. */
export interface UsageOptions {
  readonly mesh: string;
  readonly address?: string;
  /** Length of the window. */
  readonly days: number;
  readonly team?: string;
}

/** The live policies with how much they were used. */
export interface LiveUsage {
  readonly live: LivePoliciesView;
  readonly usage: PolicyUsageView['usage'];
  readonly ages: RuleAges;
}

/** A revision may go live between two questions, not each time. */
const READS_MAX = 3;

/**
 * Asks for the live policies, their use and their age.
 * @throws UnavailableError when nothing answers or nothing was recorded yet, ApiError, UnknownTeamError
 */
export async function readLiveUsage(options: UsageOptions): Promise<LiveUsage> {
  const address = await resolveAddress(options);
  for (let read = 0; read < READS_MAX; read += 1) {
    const live = await readApi<LivePoliciesView>(address, '/api/policies/live');
    const { revision, edgeAges, usage } = await readApi<PolicyUsageView>(
      address,
      `/api/policies/usage?days=${options.days}`,
    );
    if (revision !== live.revision.id) continue;
    checkTeam(live.revision.mesh, options.team);
    if (usage.historySinceMs === null) {
      throw new UnavailableError('no request was recorded yet, so nobody knows what is used');
    }
    const commitsMs = await commitTimes(options.mesh, live.relations);
    return { live, usage, ages: { edges: new Map(Object.entries(edgeAges)), commitsMs } };
  }
  throw new UnavailableError('one revision after the other goes live; ask again');
}

/**
 * What the live revision allows and nobody used.
 * @throws UnavailableError, ApiError, UnknownTeamError
 */
export async function policyUnused(options: UsageOptions): Promise<UnusedReport> {
  const { live, usage, ages } = await readLiveUsage(options);
  const { mesh, edges } = live.revision;
  return findUnused({ mesh, edges, relations: live.relations }, usage, ages, options.team);
}
