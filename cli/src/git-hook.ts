import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { MeshBranch } from '@dotline/mesh-repository/mesh-branch';
import { isCheckoutOf, openMeshCheckout } from '@dotline/mesh-repository/mesh-checkout';
import { pusherFrom } from '@dotline/mesh-repository/pusher';
import { parseRefUpdates, type RefUpdate } from '@dotline/mesh-repository/ref-update';
import { UnavailableError } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';

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

/** A hook that Git has called. */
export interface Hook {
  readonly mesh: MeshBranch;
  readonly updates: readonly RefUpdate[];
  readonly pusher: string;
  /** Whether the branch is checked out in the mesh directory. */
  readonly isOwnCheckout: boolean;
}

/** Reads what Git tells a hook. @throws Error when it was not Git that called */
export async function openHook(options: HookOptions): Promise<Hook> {
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

/** The page server. @throws UnavailableError when none is known */
export async function pageAddress({ mesh, address }: HookOptions): Promise<string> {
  if (address !== undefined) return address;
  if (mesh !== undefined) return resolveAddress({ mesh });
  throw new UnavailableError('the hooks know no mesh: install them with --mesh or --address');
}
