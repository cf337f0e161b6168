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

/** What one sidecar has of one resource type. */
export interface SidecarType {
  readonly instanceId: string;
  readonly service: string;
  readonly typeUrl: string;
  readonly connected: boolean;
  /** As of the last word of its stream; `undefined` when there was none yet. */
  readonly state: ConfigState | undefined;
  /** Version of the whole type that the sidecar is to have. */
  readonly sentVersion: string | undefined;
  /** Version of the whole type that it uses. */
  readonly ackedVersion: string | undefined;
  /** When something was last sent and last acknowledged, milliseconds since the epoch. */
  readonly sentAtMs: number | undefined;
  readonly ackedAtMs: number | undefined;
  readonly rejections: readonly Rejection[];
  /** Last revision whose configuration it acknowledged for every type. */
  readonly ackedRevision: string | undefined;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/**
 * Whoever holds a sidecar's stream writes this often that it does; after so long without, the stream
 * is taken as lost with its control plane.
 */
const CONNECTION_LOST_MS = 30_000;

/** The same over all types. */
export interface Sidecar {
  readonly instanceId: string;
  readonly service: string;
  readonly connected: boolean;
  readonly ackedRevision: string | undefined;
  readonly rejections: readonly Rejection[];
  /** One for each resource type that it holds or is to hold. */
  readonly types: readonly SidecarType[];
  readonly atMs: number;
}

/** Every sidecar that was ever seen and whose instance is still registered, by instance id. */
export async function readSidecars(pool: pg.Pool): Promise<Sidecar[]> {
  const byInstance = new Map<string, SidecarType[]>();
  for (const type of await readSidecarTypes(pool)) {
    byInstance.set(type.instanceId, [...(byInstance.get(type.instanceId) ?? []), type]);
  }
  return [...byInstance.values()].flatMap((types) => {
    const newest = types.reduce((a, b) => (a.atMs > b.atMs ? a : b));
    return [
      {
        instanceId: newest.instanceId,
        service: newest.service,
        connected: newest.connected && Date.now() - newest.atMs < CONNECTION_LOST_MS,
        ackedRevision: newest.ackedRevision,
        rejections: types.flatMap((type) => type.rejections),
        types,
        atMs: newest.atMs,
      },
    ];
  });
}

/** The same, one entry for each sidecar and resource type. */
export async function readSidecarTypes(pool: pg.Pool): Promise<SidecarType[]> {
  const { rows } = await pool.query<Row>(
    `select s.* from control_plane.sidecars s
       join control_plane.instances i on i.id = s.instance_id
      order by s.instance_id, s.type_url`,
  );
  return rows.map((row) => ({
    instanceId: row.instance_id,
    service: row.service,
    typeUrl: row.type_url,
    connected: row.connected,
    state: row.state ?? undefined,
    sentVersion: row.sent_version ?? undefined,
    ackedVersion: row.acked_version ?? undefined,
    sentAtMs: row.sent_at?.getTime(),
    ackedAtMs: row.acked_at?.getTime(),
    rejections: row.nack ?? [],
    ackedRevision: row.acked_revision ?? undefined,
    atMs: row.at.getTime(),
  }));
}

/** Writes many entries at once. An unknown acked revision leaves the one before. */
export async function writeSidecarTypes(
  pool: pg.Pool,
  types: readonly SidecarType[],
): Promise<void> {
  await pool.query(
    `insert into control_plane.sidecars
       (instance_id, type_url, service, connected, state, sent_version, acked_version, sent_at,
        acked_at, nack, acked_revision, at)
     select "instanceId", "typeUrl", service, connected, state, "sentVersion", "ackedVersion",
            to_timestamp("sentAtMs" / 1000), to_timestamp("ackedAtMs" / 1000),
            nullif(rejections, '[]'::jsonb), "ackedRevision", to_timestamp("atMs" / 1000)
       from jsonb_to_recordset($1::jsonb) as s(
         "instanceId" text, "typeUrl" text, service text, connected boolean, state text,
         "sentVersion" text, "ackedVersion" text, "sentAtMs" double precision,
         "ackedAtMs" double precision, rejections jsonb, "ackedRevision" text,
         "atMs" double precision)
      order by "instanceId", "typeUrl"
     on conflict (instance_id, type_url) do update set service = excluded.service,
       connected = excluded.connected, state = excluded.state, sent_at = excluded.sent_at,
       acked_at = excluded.acked_at, sent_version = excluded.sent_version,
       acked_version = excluded.acked_version, nack = excluded.nack,
       acked_revision = coalesce(excluded.acked_revision, control_plane.sidecars.acked_revision),
       at = excluded.at`,
    [JSON.stringify(types)],
  );
}

/** Forgets sidecars whose instances are no longer registered. */
export async function forgetUnregisteredSidecars(pool: pg.Pool): Promise<void> {
  await pool.query(
    'delete from control_plane.sidecars s where not exists (select 1 from control_plane.instances i where i.id = s.instance_id)',
  );
}

interface Row {
  readonly instance_id: string;
  readonly type_url: string;
  readonly service: string;
  readonly connected: boolean;
  readonly state: ConfigState | null;
  readonly sent_at: Date | null;
  readonly acked_at: Date | null;
  readonly sent_version: string | null;
  readonly acked_version: string | null;
  readonly nack: Rejection[] | null;
  readonly acked_revision: string | null;
  readonly at: Date;
}
