import type pg from 'pg';

/** What a sidecar is to have of one resource type. */
export interface WantedType {
  readonly instanceId: string;
  readonly typeUrl: string;
  /** Of the whole type. */
  readonly version: string;
}

/** As long as a control plane that is silent counts as the one that a sidecar is connected to. */
const CONNECTION_LOST_S = 30;

/**
 * The connected ones of these sidecars that have not acknowledged what they are to have, as their control
 * planes have written it down.
 * @param empty version of a type of which a sidecar has nothing
 */
export async function readLagging(
  pool: pg.Pool,
  wanted: readonly WantedType[],
  empty: string,
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select distinct w."instanceId" as id
       from jsonb_to_recordset($1::jsonb) as w("instanceId" text, "typeUrl" text, version text)
       join control_plane.sidecars s on s.instance_id = w."instanceId"
        and s.connected and s.at > now() - make_interval(secs => ${CONNECTION_LOST_S})
       left join control_plane.sidecar_types t
         on t.instance_id = w."instanceId" and t.type_url = w."typeUrl"
      where coalesce(t.acked_version, $2) <> w.version`,
    [JSON.stringify(wanted), empty],
  );
  return rows.map(({ id }) => id);
}
