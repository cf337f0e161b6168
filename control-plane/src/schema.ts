import type pg from 'pg';

/**
 * Migrations of schema `control_plane`, in order; their number is their place in this list. One that
 * has been released is never changed, only followed by another.
 */
const migrations: readonly string[] = [
  `
  create table control_plane.revisions (
    id          text primary key,
    commit      text,
    created_at  timestamptz not null,
    content     jsonb not null,
    relations   jsonb not null,
    findings    jsonb not null
  );

  -- One row for each time that a revision went live; what is current is in "live".
  create table control_plane.rollouts (
    id           bigint generated always as identity primary key,
    revision_id  text not null references control_plane.revisions,
    previous_id  text references control_plane.revisions,
    edge_diff    jsonb not null,
    live_at      timestamptz not null default now(),
    enforced_at  timestamptz,
    sidecars     integer
  );

  create table control_plane.live (
    only_row     boolean primary key default true check (only_row),
    revision_id  text not null references control_plane.revisions,
    rollout_id   bigint not null references control_plane.rollouts,
    since        timestamptz not null
  );

  create table control_plane.instances (
    id             text primary key,
    host           text not null,
    service        text not null,
    cell           text not null,
    zone           text not null,
    region         text not null,
    address        text not null,
    port           integer not null,
    admin_address  text not null,
    state          text not null,
    heartbeat_at   timestamptz not null
  );
  create index instances_by_host on control_plane.instances (host);

  create table control_plane.sidecars (
    instance_id     text not null,
    type_url        text not null,
    service         text not null,
    connected       boolean not null,
    sent_version    text,
    acked_version   text,
    nack            jsonb,
    acked_revision  text,
    at              timestamptz not null,
    primary key (instance_id, type_url)
  );

  -- The problems that keep the mesh directory from becoming a revision; no row when there are none.
  create table control_plane.mesh_errors (
    only_row  boolean primary key default true check (only_row),
    at        timestamptz not null,
    problems  jsonb not null
  );
  `,
  `
  -- How far a sidecar is with a type: synced, stale, not-sent or error; null before the first report.
  alter table control_plane.sidecars
    add column state     text,
    add column sent_at   timestamptz,
    add column acked_at  timestamptz;
  `,
];

/** Any number that no other program of the database uses for an advisory lock. */
const LOCK = 7_346_001;

/** Brings schema `control_plane` up to date; replicas that start together wait for each other. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await client.query('create schema if not exists control_plane');
    await client.query(
      'create table if not exists control_plane.migrations (number integer primary key, at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ last: number }>(
      'select coalesce(max(number), 0) as last from control_plane.migrations',
    );
    const last = rows[0]?.last ?? 0;
    for (const [index, sql] of migrations.entries()) {
      if (index < last) continue;
      await client.query(sql);
      await client.query('insert into control_plane.migrations (number) values ($1)', [index + 1]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
