import type pg from 'pg';
import { type PreviewPage, previewId } from './change-preview/preview-page.js';

const KEPT_DAYS = 14;
/** The oldest go first. */
const KEPT_MAX = 500;

/** A preview as it is kept. */
export interface StoredPreview {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly page: PreviewPage;
}

/** Keeps a preview for two weeks; the same one again begins them anew. Removes those that have ended. */
export async function storePreview(
  pool: pg.Pool,
  page: PreviewPage,
): Promise<Pick<StoredPreview, 'id' | 'expiresAtMs'>> {
  const id = previewId(page);
  const { rows } = await pool.query<{ expires_at: Date }>(
    `insert into control_plane.previews (id, content, expires_at)
     values ($1, $2, now() + make_interval(days => $3))
     on conflict (id) do update set expires_at = excluded.expires_at
     returning expires_at`,
    [id, JSON.stringify(page), KEPT_DAYS],
  );
  await pool.query(
    `delete from control_plane.previews where expires_at < now() or id in (
       select id from control_plane.previews order by expires_at desc offset $1)`,
    [KEPT_MAX],
  );
  return { id, expiresAtMs: rows[0]?.expires_at.getTime() ?? 0 };
}

/** A preview that has not ended, or `undefined`. */
export async function readPreview(pool: pg.Pool, id: string): Promise<StoredPreview | undefined> {
  const { rows } = await pool.query<{ content: PreviewPage; created_at: Date; expires_at: Date }>(
    `select content, created_at, expires_at from control_plane.previews
      where id = $1 and expires_at >= now()`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    id,
    createdAtMs: row.created_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    page: row.content,
  };
}
