import type pg from 'pg';
import type { ConfigState } from './sidecar-state.js';

/** Where the rule stands that a rejected resource comes from. */
export interface RejectedRule {
  readonly edge: string;
  readonly operation: string;
  readonly team: string;
  readonly file: string;
  readonly line: number;
}

/** A resource that a sidecar refused; the version before stays in use. */
export interface Rejection {
  readonly resource: string;
  readonly version: string;
  /** The sidecar's own words. */
  readonly detail: string;
  /** Rules that the resource comes from, the likeliest first; empty when it comes from no rule. */
  readonly rules: readonly RejectedRule[];
  /** The revision that was live when it was first refused. */
  readonly revision: string | undefined;
  /** When it was first refused, milliseconds since the epoch. */
  readonly atMs: number;
}

/** What one sidecar has of one resource type, as of the last word of its stream. */
export interface SidecarType {
  readonly typeUrl: string;
  readonly state: ConfigState;
  /** Version of the whole type that the sidecar is to have. */
  readonly sentVersion: string | undefined;
  /** Version of the whole type that it uses. */
  readonly ackedVersion: string | undefined;
  /** When something was last sent and last acknowledged, milliseconds since the epoch. */
  readonly sentAtMs: number | undefined;
  readonly ackedAtMs: number | undefined;
  readonly rejections: readonly Rejection[];
}

/**
 * Whoever holds a sidecar's stream writes this often that it does; after so long without, the stream
 * is taken as lost with its control plane.
 */
const CONNECTION_LOST_MS = 30_000;

export interface Sidecar {
  readonly instanceId: string;
  readonly service: string;
  readonly connected: boolean;
  /** Last revision whose configuration it acknowledged for every type. */
  readonly ackedRevision: string | undefined;
  /** One for each resource type that it holds or is to hold. */
  readonly types: readonly SidecarType[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** Every sidecar that was ever seen and whose instance is still registered, by instance id. */
export async function readSidecars(pool: pg.Pool): Promise<Sidecar[]> {
  const [sidecars, types] = await Promise.all([
    pool.query<Row>(
      `select s.* from control_plane.sidecars s
         join control_plane.instances i on i.id = s.instance_id
        order by s.instance_id`,
    ),
    pool.query<TypeRow>('select * from control_plane.sidecar_types order by type_url'),
  ]);
  const typesOf = new Map<string, SidecarType[]>();
  for (const row of types.rows) {
    const others = typesOf.get(row.instance_id);
    if (others === undefined) typesOf.set(row.instance_id, [typeOf(row)]);
    else others.push(typeOf(row));
  }
  return sidecars.rows.map((row) => ({
    instanceId: row.instance_id,
    service: row.service,
    connected: row.connected && Date.now() - row.at.getTime() < CONNECTION_LOST_MS,
    ackedRevision: row.acked_revision ?? undefined,
    types: typesOf.get(row.instance_id) ?? [],
    atMs: row.at.getTime(),
  }));
}

/**
 * Writes many sidecars at once. Types that are not given stay as they are, and so does the last
 * acknowledged revision when the one of now is unknown.
 */
export async function writeSidecars(pool: pg.Pool, sidecars: readonly Sidecar[]): Promise<void> {
  const types = sidecars.flatMap(({ instanceId, types }) =>
    types.map((type) => ({ ...type, instanceId })),
  );
  await pool.query(
    `with seen as (
       insert into control_plane.sidecars (instance_id, service, connected, acked_revision, at)
       select "instanceId", service, connected, "ackedRevision", to_timestamp("atMs" / 1000)
         from jsonb_to_recordset($1::jsonb) as s(
           "instanceId" text, service text, connected boolean, "ackedRevision" text,
           "atMs" double precision)
        order by "instanceId"
       on conflict (instance_id) do update set service = excluded.service,
         connected = excluded.connected, at = excluded.at,
         acked_revision = coalesce(excluded.acked_revision, control_plane.sidecars.acked_revision)
     )
     insert into control_plane.sidecar_types
       (instance_id, type_url, state, sent_version, acked_version, sent_at, acked_at, nack)
     select "instanceId", "typeUrl", state, "sentVersion", "ackedVersion",
            to_timestamp("sentAtMs" / 1000), to_timestamp("ackedAtMs" / 1000),
            nullif(rejections, '[]'::jsonb)
       from jsonb_to_recordset($2::jsonb) as s(
         "instanceId" text, "typeUrl" text, state text, "sentVersion" text, "ackedVersion" text,
         "sentAtMs" double precision, "ackedAtMs" double precision, rejections jsonb)
      order by "instanceId", "typeUrl"
     on conflict (instance_id, type_url) do update set state = excluded.state,
       sent_at = excluded.sent_at, acked_at = excluded.acked_at,
       sent_version = excluded.sent_version, acked_version = excluded.acked_version,
       nack = excluded.nack`,
    [JSON.stringify(sidecars.map(({ types: _, ...sidecar }) => sidecar)), JSON.stringify(types)],
  );
}

/** Forgets sidecars whose instances are no longer registered. */
export async function forgetUnregisteredSidecars(pool: pg.Pool): Promise<void> {
  await pool.query(
    'delete from control_plane.sidecars s where not exists (select 1 from control_plane.instances i where i.id = s.instance_id)',
  );
}

function typeOf(row: TypeRow): SidecarType {
  return {
    typeUrl: row.type_url,
    state: row.state,
    sentVersion: row.sent_version ?? undefined,
    ackedVersion: row.acked_version ?? undefined,
    sentAtMs: row.sent_at?.getTime(),
    ackedAtMs: row.acked_at?.getTime(),
    rejections: row.nack ?? [],
  };
}

interface Row {
  readonly instance_id: string;
  readonly service: string;
  readonly connected: boolean;
  readonly acked_revision: string | null;
  readonly at: Date;
}

interface TypeRow {
  readonly instance_id: string;
  readonly type_url: string;
  readonly state: ConfigState;
  readonly sent_version: string | null;
  readonly acked_version: string | null;
  readonly sent_at: Date | null;
  readonly acked_at: Date | null;
  readonly nack: Rejection[] | null;
}
