import type { Instance, InstanceState } from '@dotline/model/instance';
import type pg from 'pg';

/** An instance as its host last announced it. */
export interface RegisteredInstance {
  readonly instance: Instance;
  readonly host: string;
  /** When the host last said so, milliseconds since the epoch. */
  readonly heartbeatAtMs: number;
}

/** Every registered instance, by id. */
export async function readInstances(pool: pg.Pool): Promise<RegisteredInstance[]> {
  const { rows } = await pool.query<Row>('select * from control_plane.instances order by id');
  return rows.map((row) => ({
    instance: {
      id: row.id,
      service: row.service,
      cell: row.cell,
      zone: row.zone,
      region: row.region,
      address: row.address,
      port: row.port,
      adminAddress: row.admin_address,
      state: row.state,
    },
    host: row.host,
    heartbeatAtMs: row.heartbeat_at.getTime(),
  }));
}

/** Replaces the list of one host; instances that another host held before move to it. */
export async function writeHostInstances(
  pool: pg.Pool,
  host: string,
  instances: readonly Instance[],
  atMs: number,
): Promise<void> {
  await pool.query(
    `with listed as (
       select * from jsonb_to_recordset($2::jsonb) as i(
         "id" text, "service" text, "cell" text, "zone" text, "region" text,
         "address" text, "port" integer, "adminAddress" text, "state" text)
     ), gone as (
       delete from control_plane.instances where host = $1 and id not in (select id from listed)
     )
     insert into control_plane.instances
       (id, host, service, cell, zone, region, address, port, admin_address, state, heartbeat_at)
     select id, $1, service, cell, zone, region, address, port, "adminAddress", state,
            to_timestamp($3::double precision / 1000)
       from listed order by id
     on conflict (id) do update set host = excluded.host, service = excluded.service,
       cell = excluded.cell, zone = excluded.zone, region = excluded.region,
       address = excluded.address, port = excluded.port, admin_address = excluded.admin_address,
       state = excluded.state, heartbeat_at = excluded.heartbeat_at`,
    [host, JSON.stringify(instances), atMs],
  );
}

interface Row {
  readonly id: string;
  readonly host: string;
  readonly service: string;
  readonly cell: string;
  readonly zone: string;
  readonly region: string;
  readonly address: string;
  readonly port: number;
  readonly admin_address: string;
  readonly state: InstanceState;
  readonly heartbeat_at: Date;
}
