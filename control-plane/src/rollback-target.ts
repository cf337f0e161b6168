import type pg from 'pg';
import type { LiveContent } from './revision-store.js';
import { RollbackError } from './rollback-error.js';

/** Characters that a name needs at least, so that it is not met by chance. */
const NAME = /^[0-9a-f]{7,64}$/;

/**
 * The id of the revision that a rollback goes to.
 * @param name beginning of a revision's id or commit; `undefined` for the one before the live one
 * @throws RollbackError
 */
export async function findEarlierRevision(
  client: pg.PoolClient,
  live: LiveContent,
  name: string | undefined,
): Promise<string> {
  const id =
    name === undefined ? await revisionBefore(client, live) : await revisionNamed(client, name);
  if (id === live.revision.id) {
    throw new RollbackError('conflict', `revision ${id} is live already`);
  }
  return id;
}

/**
 * What was live before the live one came. A revision that was rolled back to stands where it stood when
 * it was published, so that a second rollback goes on to what was before it, and not forward again.
 */
async function revisionBefore(client: pg.PoolClient, live: LiveContent): Promise<string> {
  const { rows } = await client.query<{ previous_id: string | null }>(
    `select previous_id from control_plane.rollouts
      where revision_id = $1 and rollback is null and id <= $2 order by id desc limit 1`,
    [live.revision.id, live.rolloutId],
  );
  const previous = rows[0]?.previous_id;
  if (previous) return previous;
  throw new RollbackError(
    'conflict',
    `there is nothing before revision ${live.revision.id}: it was the first to go live`,
  );
}

async function revisionNamed(client: pg.PoolClient, name: string): Promise<string> {
  if (!NAME.test(name)) {
    const rule = 'a revision is named by seven or more characters of its id or commit';
    throw new RollbackError('unknown', `${name} names no revision: ${rule}`);
  }
  const { rows } = await client.query<{ id: string }>(
    `select id from control_plane.revisions r
      where (starts_with(id, $1) or starts_with(commit, $1))
        and exists (select from control_plane.rollouts o where o.revision_id = r.id)
      limit 3`,
    [name],
  );
  const [first, second] = rows;
  if (first === undefined) {
    throw new RollbackError('unknown', `no revision ${name} has ever been live`);
  }
  if (second !== undefined) {
    const ids = rows.map(({ id }) => id).join(', ');
    throw new RollbackError('conflict', `${name} names more than one revision: ${ids}`);
  }
  return first.id;
}
