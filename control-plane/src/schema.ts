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
  `
  -- What changes with every heartbeat and every revision is one row for a sidecar, not one for each of
  -- its types. Sidecars are written anew when their streams come back.
  drop table control_plane.sidecars;
  create table control_plane.sidecars (
    instance_id     text primary key,
    service         text not null,
    connected       boolean not null,
    acked_revision  text,
    at              timestamptz not null
  );
  create table control_plane.sidecar_types (
    instance_id    text not null references control_plane.sidecars on delete cascade,
    type_url       text not null,
    state          text not null,
    sent_version   text,
    acked_version  text,
    sent_at        timestamptz,
    acked_at       timestamptz,
    nack           jsonb,
    primary key (instance_id, type_url)
  );
  `,
  `
  -- What happened to the mesh, in order. Each hash covers its entry and the hash before it; what has been
  -- written is refused to change, for everybody and in every mode of the session.
  create table control_plane.audit_log (
    sequence       bigint primary key,
    at             timestamptz not null,
    actor          jsonb not null,
    action         text not null,
    subject        jsonb not null,
    details        jsonb not null,
    previous_hash  text not null unique,
    hash           text not null unique
  );
  create index audit_log_by_time on control_plane.audit_log (at);

  create function control_plane.refuse_audit_change() returns trigger language plpgsql as $$
  begin
    raise exception 'the audit log can only grow: % is refused', tg_op using errcode = '42501';
  end
  $$;
  create trigger only_grows before update or delete or truncate on control_plane.audit_log
    for each statement execute function control_plane.refuse_audit_change();
  alter table control_plane.audit_log enable always trigger only_grows;

  create function control_plane.check_audit_order() returns trigger language plpgsql as $$
  declare
    tail record;
  begin
    select sequence, hash into tail
      from control_plane.audit_log order by sequence desc limit 1;
    if new.sequence <> coalesce(tail.sequence, 0) + 1
       or new.previous_hash <> coalesce(tail.hash, repeat('0', 64)) then
      raise exception 'entry % does not follow the end of the audit log', new.sequence
        using errcode = '23514';
    end if;
    return new;
  end
  $$;
  create trigger in_order before insert on control_plane.audit_log
    for each row execute function control_plane.check_audit_order();
  alter table control_plane.audit_log enable always trigger in_order;

  -- Whose commit a revision is of, as Git names him.
  alter table control_plane.revisions add column author text;
  -- Of a rollout that is a rollback: from which revision, by whom and why.
  alter table control_plane.rollouts add column rollback jsonb;

  -- While a rollback holds: contents of the mesh directory that are not to go live by themselves.
  create table control_plane.pin (
    only_row    boolean primary key default true check (only_row),
    rollout_id  bigint not null references control_plane.rollouts,
    held_back   jsonb not null
  );
  `,
  `
  -- How a rollout in waves is, or one that was stopped; null for one that went to all at once.
  alter table control_plane.rollouts
    add column state          text,
    add column progress       jsonb,
    add column failure        jsonb,
    -- What somebody wants of it: to pause, resume, promote or abort.
    add column rollout_order  jsonb;
  create index rollouts_with_state on control_plane.rollouts (id) where state is not null;
  `,
  `
  -- The revision that sidecars judge beside the live one; no row when there is none.
  create table control_plane.staged (
    only_row       boolean primary key default true check (only_row),
    name           text not null,
    content        jsonb not null,
    relations      jsonb not null,
    started_at_ms  bigint not null
  );
  `,
  `
  -- What authorizers decide single requests with: JSON with the compiled rules of a team, by SHA-256.
  create table control_plane.request_policies (
    hash        text primary key,
    team        text not null,
    document    bytea not null,
    created_at  timestamptz not null default now()
  );
  `,
  `
  -- Previews of changes, to be looked at on the page.
  create table control_plane.previews (
    id          text primary key,
    content     jsonb not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null
  );
  create index previews_by_end on control_plane.previews (expires_at);
  `,
  `
  -- Contents of the mesh directory that were not enforced, since they had what was rolled back.
  alter table control_plane.pin add column held jsonb not null default '[]';
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
