import type { Revision } from '@dotline/model/revision';
import type pg from 'pg';
import { canonicalDigest, type JsonValue } from './audit-canonical-json.js';
import type { Actor } from './audit-chain.js';
import {
  type ChangedPart,
  changedParts,
  untouchedParts,
  withoutParts,
} from './rolled-back-change.js';
import type { StoredRevision } from './stored-revision.js';

/** What does not go live by itself, since it was rolled back. */
export interface Pin {
  readonly heldBack: readonly HeldBack[];
  /** What has been held so far, the latest last. */
  readonly held: readonly HeldCommit[];
}

/** A revision that was rolled back. */
interface HeldBack {
  readonly revision: string;
  /** Of `networkDigest`. */
  readonly network: string;
  /** What it changed of what has been rolled back to. */
  readonly change: readonly ChangedPart[];
}

/** A content of the mesh directory that is not enforced: it still has what was rolled back. */
export interface HeldCommit {
  readonly revision: string;
  /** Absent while it is not committed. */
  readonly commit?: string;
  /** Who brought it, as far as that is known. */
  readonly by: Actor;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** The revision that was rolled back, and the parts of it that it still has, the first of them. */
  readonly of: string;
  readonly parts: readonly Pick<ChangedPart, 'team' | 'name'>[];
}

const HELD_COMMITS_MAX = 20;
const HELD_PARTS_MAX = 10;

/**
 * The same for revisions that make the same network of the same catalog and objectives, whatever commit,
 * file and line their rules are from: committing what was rolled back is no change of it.
 */
export function networkDigest(revision: Revision): string {
  const { id: _id, commit: _commit, createdAtMs: _at, edgeRevisions: _history, ...rest } = revision;
  const content = {
    ...rest,
    mesh: {
      ...rest.mesh,
      directory: undefined,
      services: rest.mesh.services.map((service) => ({ ...service, directory: undefined })),
    },
    edges: rest.edges.map((edge) => ({
      ...edge,
      operations: edge.operations.map((agreed) => {
        return { ...agreed, need: undefined, grant: undefined };
      }),
    })),
    requestPolicies: rest.requestPolicies?.map((policy) => ({
      ...policy,
      revision: undefined,
      rules: policy.rules.map((rule) => ({ ...rule, witness: undefined })),
    })),
  };
  return canonicalDigest(content as unknown as JsonValue);
}

/** The pin, or `undefined` while the mesh directory goes live as it changes. */
export async function readPin(client: pg.PoolClient): Promise<Pin | undefined> {
  const { rows } = await client.query<{ held_back: HeldBack[]; held: HeldCommit[] }>(
    'select held_back, held from control_plane.pin',
  );
  return rows[0] && { heldBack: rows[0].held_back, held: rows[0].held };
}

/**
 * What keeps a content from going live: it is what was rolled back, or has the change of it still, of at
 * least one team that has touched nothing of its part. `undefined` when nothing does.
 */
export function whyHeld(
  { heldBack }: Pin,
  stored: StoredRevision,
): Pick<HeldCommit, 'of' | 'parts'> | undefined {
  const network = networkDigest(stored.revision);
  for (const held of [...heldBack].reverse()) {
    const parts = held.network === network ? held.change : untouchedParts(held.change, stored);
    if (parts.length === 0 && held.network !== network) continue;
    const named = parts.slice(0, HELD_PARTS_MAX).map(({ team, name }) => ({ team, name }));
    return { of: held.revision, parts: named };
  }
  return undefined;
}

/** Notes what is held. @returns whether that is news */
export async function noteHeld(
  client: pg.PoolClient,
  { held }: Pin,
  commit: HeldCommit,
): Promise<boolean> {
  const isKnown = held.some(
    (each) => each.revision === commit.revision && each.commit === commit.commit,
  );
  if (isKnown) return false;
  const all = [...held, commit].slice(-HELD_COMMITS_MAX);
  await client.query('update control_plane.pin set held = $1', [JSON.stringify(all)]);
  return true;
}

/** Pins the rollout of a rollback, and holds one more revision back. */
export async function pinRollout(
  client: pg.PoolClient,
  rolloutId: string,
  rolledBack: StoredRevision,
  target: StoredRevision,
): Promise<void> {
  const before = (await readPin(client))?.heldBack ?? [];
  const network = networkDigest(rolledBack.revision);
  // Going forward again to what was rolled back lets it go.
  const wanted = networkDigest(target.revision);
  const change = changedParts(target, rolledBack);
  const heldBack = [
    ...before.flatMap((held) => {
      if (held.network === network || held.network === wanted) return [];
      const still = withoutParts(held.change, target);
      return still.length === 0 && held.change.length > 0 ? [] : [{ ...held, change: still }];
    }),
    { revision: rolledBack.revision.id, network, change },
  ].slice(-HELD_BACK_MAX);
  await client.query(
    `insert into control_plane.pin (rollout_id, held_back) values ($1, $2)
     on conflict (only_row) do update set rollout_id = excluded.rollout_id,
       held_back = excluded.held_back`,
    [rolloutId, JSON.stringify(heldBack)],
  );
}

/** Lets the mesh directory go live again. @returns whether there was a pin */
export async function removePin(client: pg.PoolClient): Promise<boolean> {
  const { rowCount } = await client.query('delete from control_plane.pin');
  return (rowCount ?? 0) > 0;
}

/** Whoever rolls back more often without a change of the mesh directory goes on with the latest. */
const HELD_BACK_MAX = 20;
