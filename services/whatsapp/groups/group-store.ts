import { randomUUID } from 'node:crypto';
import type { Database } from '../../runtime/postgresql.js';
import { notFound } from '../../runtime/problem.js';

/** People who write to each other all at once. */
export interface Group {
  readonly id: string;
  readonly name: string;
}

export const migrations = [
  `create table groups (
     id uuid primary key,
     name text not null,
     created_by uuid not null,
     created_at timestamptz not null default now()
   );
   create table members (
     group_id uuid not null references groups (id),
     person_id uuid not null,
     primary key (group_id, person_id)
   );
   create index groups_of_person on members (person_id)`,
];

/** Groups and who belongs to them, in PostgreSQL. */
export class GroupStore {
  constructor(private readonly database: Database) {}

  /** Makes a group of its founder and others; who is named twice is a member once. */
  async create(founderId: string, name: string, others: readonly string[]): Promise<Group> {
    const id = randomUUID();
    await this.database.transaction(async (transaction) => {
      await transaction.query('insert into groups (id, name, created_by) values ($1, $2, $3)', [
        id,
        name,
        founderId,
      ]);
      await transaction.query(
        `insert into members (group_id, person_id)
         select distinct $1::uuid, person from unnest($2::uuid[]) as person`,
        [id, [founderId, ...others]],
      );
    });
    return { id, name };
  }

  /** The groups of a person, newest first. */
  async of(personId: string, limit: number): Promise<Group[]> {
    return this.database.query<{ id: string; name: string }>(
      `select id, name from groups join members on group_id = id
       where person_id = $1 order by created_at desc limit $2`,
      [personId, limit],
    );
  }

  /** @throws Problem 404 when there is no such group, or it has been left by all */
  async members(groupId: string): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'select person_id as id from members where group_id = $1 order by person_id',
      [groupId],
    );
    if (rows.length === 0) throw notFound(`group ${groupId}`);
    return rows.map(({ id }) => id);
  }

  /** Leaving a group that one is no member of is no error. */
  async leave(groupId: string, personId: string): Promise<void> {
    await this.database.query('delete from members where group_id = $1 and person_id = $2', [
      groupId,
      personId,
    ]);
  }
}
