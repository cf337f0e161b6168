import type { Edge } from '@dotline/model/edge';
import type { Revision } from '@dotline/model/revision';
import type pg from 'pg';
import type { Actor } from './audit-chain.js';
import { appendAudit } from './audit-store.js';
import { inTransaction } from './database.js';
import {
  keepRevision,
  type LiveRevision,
  lockLive,
  makeLive,
  readLive,
  readLiveRevision,
  readRevision,
} from './revision-store.js';
import { RollbackError } from './rollback-error.js';
import { pinRollout, removePin } from './rollback-pin.js';
import { findEarlierRevision } from './rollback-target.js';

/** Who wants an earlier revision back, and why. */
export interface RollbackOrder {
  readonly actor: Actor;
  /** Free text for people; may be empty. */
  readonly reason: string;
  /** Roll back only while this revision is live: the order is about no other. */
  readonly onlyFrom?: string;
  /** Do nothing when it cannot begin by then: nobody waits for it any more. Since the epoch. */
  readonly notAfterMs?: number;
}

/**
 * Makes an earlier revision live again and pins it, in one transaction with the entry in the audit log.
 * @param target revision id or commit, seven characters at least; without one, the revision before
 * @throws RollbackError, or the error of PostgreSQL
 */
export function rollBackRevision(
  pool: pg.Pool,
  target: string | undefined,
  { actor, reason, onlyFrom }: RollbackOrder,
): Promise<LiveRevision> {
  return inTransaction(pool, async (client) => {
    await lockLive(client);
    const before = await readLiveRevision(client);
    if (before === undefined) throw new RollbackError('conflict', 'no revision is live yet');
    const from = before.revision;
    if (onlyFrom !== undefined && from.id !== onlyFrom) {
      throw new RollbackError('conflict', `revision ${from.id} is live now, not ${onlyFrom}`);
    }
    const id = await findEarlierRevision(client, before, target);
    const stored = await readRevision(client, id);
    if (stored === undefined) throw new RollbackError('unknown', `revision ${id} is not kept`);
    // The folder of the checkout may be another one than it was.
    const revision = inDirectory(stored.revision, from.mesh.directory);
    const kept = await keepRevision(client, { ...stored, revision }, await authorOf(client, id));
    const live = await makeLive(client, before, kept, {
      fromId: from.id,
      ...(from.commit === undefined ? {} : { fromCommit: from.commit }),
      actor,
      reason,
    });
    await pinRollout(client, live.rolloutId, before, kept);
    await appendAudit(client, {
      actor,
      action: 'revision-rolled-back',
      subject: { revision: id, ...(revision.commit && { commit: revision.commit }) },
      details: { from: from.id, fromCommit: from.commit, reason },
    });
    return live;
  });
}

/** Lets the mesh directory go live again. @returns whether a rollback was pinned */
export function releaseRollback(pool: pg.Pool, actor: Actor): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    await lockLive(client);
    const live = await readLive(client);
    if (live === undefined || !(await removePin(client))) return false;
    await appendAudit(client, {
      actor,
      action: 'rollback-ended',
      subject: { revision: live.revision.id },
      details: { by: 'release' },
    });
    return true;
  });
}

/** Edges of a revision with a rule whose last day is over: going back makes it hold again. */
export function edgesOfEndedRules({ edges }: Revision, nowMs: number): string[] {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const hasEnded = ({ operations }: Edge) =>
    operations.some(({ need, grant }) =>
      [need, grant].some(({ expires }) => expires !== undefined && expires < today),
    );
  return edges.filter(hasEnded).map(({ id }) => id);
}

function inDirectory(revision: Revision, directory: string): Revision {
  const { mesh } = revision;
  if (mesh.directory === directory) return revision;
  const services = mesh.services.map((service) =>
    service.directory.startsWith(mesh.directory)
      ? { ...service, directory: directory + service.directory.slice(mesh.directory.length) }
      : service,
  );
  return { ...revision, mesh: { ...mesh, services, directory } };
}

async function authorOf(client: pg.PoolClient, id: string): Promise<string | undefined> {
  const { rows } = await client.query<{ author: string | null }>(
    'select author from control_plane.revisions where id = $1',
    [id],
  );
  return rows[0]?.author ?? undefined;
}
