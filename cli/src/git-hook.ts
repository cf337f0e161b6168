import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TrafficLook } from '@dotline/control-plane/change-preview/preview-change';
import { bringToCommit, CheckoutError } from '@dotline/control-plane/mesh-source/bring-to-commit';
import { endCheckout } from '@dotline/control-plane/mesh-source/checkout-lock';
import { notePusher } from '@dotline/control-plane/mesh-source/pusher-note';
import { ensureBinary } from '@dotline/local-parts/binary';
import { cacheDirectory } from '@dotline/local-parts/cache-directory';
import { opaSource } from '@dotline/local-parts/opa';
import type { Baseline } from '@dotline/mesh-repository/check-commit';
import { judgePush } from '@dotline/mesh-repository/judge-push';
import type { MeshBranch } from '@dotline/mesh-repository/mesh-branch';
import {
  changedByHand,
  fetchInto,
  isCheckoutOf,
  openMeshCheckout,
} from '@dotline/mesh-repository/mesh-checkout';
import { pusherFrom } from '@dotline/mesh-repository/pusher';
import { isLive, parseRefUpdates, type RefUpdate } from '@dotline/mesh-repository/ref-update';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { AllowedTrafficView, LivePoliciesView } from '@dotline/topology-ui/api';
import { ExitCode } from './exit-code.js';
import { ApiError, readApi, UnavailableError } from './page-server-client.js';
import { tellEnforcement } from './push-enforcement.js';
import { verdictLines } from './push-report.js';
import { resolveAddress } from './resolve-address.js';

const TRAFFIC_DAYS = 7;

/** What a hook is told about its mesh when it is installed. */
export interface HookOptions {
  /** The mesh directory that takes what is pushed; without one the control plane follows the branch. */
  readonly mesh?: string;
  /** Of the page server, when it is not that of the mesh directory. */
  readonly address?: string;
  readonly branch: string;
  /** Of the mesh in the repository. */
  readonly folder: string;
  /** How long the pusher waits for a push to be enforced, in milliseconds. */
  readonly for: number;
}

interface Hook {
  readonly mesh: MeshBranch;
  readonly updates: readonly RefUpdate[];
  readonly pusher: string;
  /** Whether the branch is checked out in the mesh directory. */
  readonly isOwnCheckout: boolean;
}

/** Git's `pre-receive`: judges a push before anything of it is taken. */
export async function preReceive(options: HookOptions): Promise<ExitCode> {
  const startedAtMs = Date.now();
  const { mesh, updates, pusher, isOwnCheckout } = await openHook(options);
  const touchesLive = updates.some((update) => isLive(mesh, update));
  const [baseline, opa, byHand, shipsPlatform, cache] = await Promise.all([
    readBaseline(options),
    ensureBinary(opaSource),
    touchesLive && isOwnCheckout && options.mesh !== undefined
      ? changedByHand(options.mesh)
      : new Set<string>(),
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
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`${isTaken ? 'checked' : 'refused'} in ${seconds} s, as pushed by ${pusher}`);
  }
  return isTaken ? ExitCode.ok : ExitCode.no;
}

/** Git's `post-receive`: brings what was pushed into the mesh directory, and tells how it is enforced. */
export async function postReceive(options: HookOptions): Promise<ExitCode> {
  const { mesh, updates, pusher, isOwnCheckout } = await openHook(options);
  const commit = updates.find((update) => isLive(mesh, update))?.after;
  if (commit === undefined) return ExitCode.ok;
  try {
    await notePusher(mesh.gitFolder, commit, pusher);
  } finally {
    if (isOwnCheckout && options.mesh !== undefined) await endCheckout(options.mesh);
  }
  if (!isOwnCheckout && options.mesh !== undefined) {
    await fetchInto(options.mesh, mesh);
    try {
      await bringToCommit(options.mesh, commit);
    } catch (error) {
      if (!(error instanceof CheckoutError)) throw error;
      console.log(`error: ${error.message}`);
      return ExitCode.no;
    }
  }
  let address: string;
  try {
    address = await pageAddress(options);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(`warning: what was pushed is enforced when the mesh is up again: ${error.message}`);
    return ExitCode.ok;
  }
  const isEnforced = await tellEnforcement(address, commit, options.for, (line) =>
    console.log(line),
  );
  return isEnforced ? ExitCode.ok : ExitCode.no;
}

async function openHook(options: HookOptions): Promise<Hook> {
  const updates = parseRefUpdates(await text(process.stdin));
  const gitFolder = resolve(process.env.GIT_DIR ?? '.');
  // Git's folder is named to each Git command; the mesh directory's may be another.
  delete process.env.GIT_DIR;
  const pusher = pusherFrom(process.env, userInfo().username);
  if (options.mesh !== undefined && (await isCheckoutOf(options.mesh, gitFolder))) {
    const checkout = await openMeshCheckout(options.mesh);
    return { mesh: { ...checkout, gitFolder }, updates, pusher, isOwnCheckout: true };
  }
  const { branch, folder } = options;
  return { mesh: { gitFolder, branch, folder }, updates, pusher, isOwnCheckout: false };
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
      lookAtTraffic(address),
    ]);
    return { live, traffic };
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return { live: undefined, traffic: { notSeen: error.message } };
  }
}

async function lookAtTraffic(address: string): Promise<TrafficLook> {
  try {
    const path = `/api/traffic/allowed?days=${TRAFFIC_DAYS}`;
    return { seen: await readApi<AllowedTrafficView>(address, path) };
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return { notSeen: error.message };
  }
}

/** @throws UnavailableError when none is known */
async function pageAddress({ mesh, address }: HookOptions): Promise<string> {
  if (address !== undefined) return address;
  if (mesh !== undefined) return resolveAddress({ mesh });
  throw new UnavailableError('the hooks know no mesh: install them with --mesh or --address');
}

function isAbsence(error: unknown): error is UnavailableError | ApiError {
  return error instanceof UnavailableError || (error instanceof ApiError && error.status >= 500);
}

/** As given with `git push -o`. */
function pushOptions(): string[] {
  const count = Number(process.env.GIT_PUSH_OPTION_COUNT ?? '0');
  return Array.from({ length: count }, (_, index) => process.env[`GIT_PUSH_OPTION_${index}`] ?? '');
}
