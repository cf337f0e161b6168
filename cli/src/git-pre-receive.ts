import { cacheDirectory } from '@dotline/local-parts/cache-directory';
import type { Baseline } from '@dotline/mesh-repository/check-commit';
import { judgePush } from '@dotline/mesh-repository/judge-push';
import { changedByHand } from '@dotline/mesh-repository/mesh-checkout';
import { isLive } from '@dotline/mesh-repository/ref-update';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { LivePoliciesView } from '@dotline/topology-ui/policy-view';
import { ExitCode } from './exit-code.js';
import { type HookOptions, openHook, pageAddress } from './git-hook.js';
import { opaBinary } from './opa-binary.js';
import { readApi } from './page-server-client.js';
import { passedTests } from './passed-tests.js';
import { verdictLines } from './push-report.js';
import { isAbsence, lookAtTraffic } from './traffic-look.js';

const TRAFFIC_DAYS = 7;

/** Git's `pre-receive`: judges a push before anything of it is taken. */
export async function preReceive(options: HookOptions): Promise<ExitCode> {
  const { mesh, updates, pusher } = await openHook(options);
  const touchesLive = updates.some((update) => isLive(mesh, update));
  const [baseline, opa, byHand, shipsPlatform, cache] = await Promise.all([
    readBaseline(options),
    opaBinary(),
    touchesLive && options.mesh !== undefined ? changedByHand(options.mesh) : new Set<string>(),
    options.mesh === undefined ? false : shipsItsPlatform(options.mesh),
    policyCache(options),
  ]);
  const verdicts = await judgePush(
    mesh,
    { updates, pusher, options: pushOptions(), baseline, changedByHand: byHand },
    { opaPath: opa.path, cacheDirectory: cache, shipsPlatform },
  );
  for (const line of verdicts.flatMap(verdictLines)) console.log(line);
  const isTaken = verdicts.every(({ refusals }) => refusals.length === 0);
  if (verdicts.some(({ isLive: live, checked }) => live || checked !== undefined)) {
    // Since the process began.
    const seconds = (performance.now() / 1000).toFixed(1);
    const reports = verdicts
      .flatMap(({ checked }) => checked?.report ?? [])
      .filter(({ testsPassed }) => testsPassed > 0);
    const passed = reports.length === 0 ? '' : `, ${passedTests(reports)}`;
    console.log(`${isTaken ? 'checked' : 'refused'} in ${seconds} s${passed}; pushed by ${pusher}`);
  }
  return isTaken ? ExitCode.ok : ExitCode.no;
}

async function policyCache({ mesh }: HookOptions): Promise<string> {
  if (mesh === undefined) return cacheDirectory('checked');
  return `${(await meshFolders(mesh)).root}/policy-cache`;
}

/** The live revision and real traffic, as far as a mesh is up. */
async function readBaseline(options: HookOptions): Promise<Omit<Baseline, 'commit'>> {
  try {
    const address = await pageAddress(options);
    const [live, traffic] = await Promise.all([
      readApi<LivePoliciesView>(address, '/api/policies/live'),
      lookAtTraffic(address, TRAFFIC_DAYS),
    ]);
    return { live, traffic };
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return { live: undefined, traffic: { notSeen: error.message } };
  }
}

/** As given with `git push -o`. */
function pushOptions(): string[] {
  const count = Number(process.env.GIT_PUSH_OPTION_COUNT ?? '0');
  return Array.from({ length: count }, (_, index) => process.env[`GIT_PUSH_OPTION_${index}`] ?? '');
}
