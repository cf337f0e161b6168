import type { Revision } from '@dotline/model/revision';
import type pg from 'pg';
import { canonicalDigest, type JsonValue } from './audit-canonical-json.js';

/** Contents of the mesh directory that do not go live by themselves, since they were rolled back. */
export interface Pin {
  readonly heldBack: readonly HeldBack[];
}

/** A revision that was rolled back. */
interface HeldBack {
  readonly revision: string;
  /** Of `networkDigest`. */
  readonly network: string;
}

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
  const { rows } = await client.query<{ held_back: HeldBack[] }>(
    'select held_back from control_plane.pin',
  );
  return rows[0] && { heldBack: rows[0].held_back };
}

/** Pins the rollout of a rollback, and holds one more revision back. */
export async function pinRollout(
  client: pg.PoolClient,
  rolloutId: string,
  rolledBack: Revision,
  target: Revision,
): Promise<void> {
  const before = (await readPin(client))?.heldBack ?? [];
  const network = networkDigest(rolledBack);
  // Going forward again to what was rolled back lets it go.
  const wanted = networkDigest(target);
  const heldBack = [
    ...before.filter((held) => held.network !== network && held.network !== wanted),
    { revision: rolledBack.id, network },
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
