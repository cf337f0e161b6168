import type { Queries } from '../../runtime/postgresql.js';

/** What a rider tells about herself. */
export interface Profile {
  readonly name: string;
  /** E.164. */
  readonly phone: string;
}

export const migrations = [
  `create table profiles (
     account_id uuid primary key,
     name text not null,
     phone text not null,
     updated_at timestamptz not null default now()
   )`,
];

/** Profiles in PostgreSQL, one for each account. */
export class ProfileStore {
  constructor(private readonly database: Queries) {}

  async save(accountId: string, profile: Profile): Promise<void> {
    await this.database.query(
      `insert into profiles (account_id, name, phone) values ($1, $2, $3)
       on conflict (account_id) do update set name = $2, phone = $3, updated_at = now()`,
      [accountId, profile.name, profile.phone],
    );
  }

  async find(accountId: string): Promise<Profile | undefined> {
    const [row] = await this.database.query<{ name: string; phone: string }>(
      'select name, phone from profiles where account_id = $1',
      [accountId],
    );
    return row;
  }

  /** Erasing what is not there is no error. */
  async erase(accountId: string): Promise<void> {
    await this.database.query('delete from profiles where account_id = $1', [accountId]);
  }
}
