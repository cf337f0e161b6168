import type { CompiledRequestPolicy } from '@dotline/policies/compiled-request-policy';
import type pg from 'pg';

/** Keeps the documents that authorizers decide with, by their hash; one that is there stays as it is. */
export async function writeRequestPolicies(
  pool: pg.Pool,
  policies: readonly Pick<CompiledRequestPolicy, 'hash' | 'team' | 'document'>[],
): Promise<void> {
  for (const { hash, team, document } of policies) {
    await pool.query(
      `insert into control_plane.request_policies (hash, team, document) values ($1, $2, $3)
       on conflict (hash) do nothing`,
      [hash, team, Buffer.from(document)],
    );
  }
}

/** The document of a hash, or `undefined` when there is none. */
export async function readRequestPolicy(pool: pg.Pool, hash: string): Promise<Buffer | undefined> {
  const { rows } = await pool.query<{ document: Buffer }>(
    'select document from control_plane.request_policies where hash = $1',
    [hash],
  );
  return rows[0]?.document;
}
