import type pg from 'pg';

/**
 * Migrations of schema `slo`, in order; their number is their place in this list. One that has been
 * released is never changed, only followed by another.
 */
const MIGRATIONS: readonly string[] = [
  `
  create table slo.status (
    objective     text primary key,
    revision_id   text not null,
    definition    jsonb not null,
    good          bigint not null,
    total         bigint not null,
    sli           double precision,
    budget_left   double precision,
    burn_rates    jsonb not null,
    evaluated_at  timestamptz not null
  );

  create table slo.alerts (
    objective    text not null references slo.status on delete cascade,
    severity     text not null check (severity in ('page', 'ticket')),
    state        text not null check (state in ('inactive', 'firing')),
    since        timestamptz not null,
    quiet_since  timestamptz,
    primary key (objective, severity)
  );
  `,
  `
  -- What was found about the traffic of the wave that a rollout watches; one row for each rollout.
  create table slo.rollout_health (
    rollout_id        bigint primary key,
    step              integer not null,
    watched_since_ms  double precision not null,
    seen_until_ms     double precision not null,
    findings          jsonb not null,
    problem           text,
    at                timestamptz not null
  );
  `,
];

/** Any number that no other program of the database uses for an advisory lock. */
const LOCK = 7_346_101;

/** Brings schema `slo` up to date; evaluators that start together wait for each other. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await client.query('create schema if not exists slo');
    await client.query(
      `create table if not exists slo.migrations
         (number integer primary key, at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ done: number }>(
      'select coalesce(max(number), 0) as done from slo.migrations',
    );
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < (rows[0]?.done ?? 0)) continue;
      await client.query(sql);
      await client.query('insert into slo.migrations (number) values ($1)', [index + 1]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
