import type { Queries } from '../../runtime/postgresql.js';

/** Somebody in a person's address book. */
export interface Contact {
  readonly personId: string;
  /** As the owner calls her. */
  readonly name: string;
  /** E.164. */
  readonly phone: string;
}

export const migrations = [
  `create table contacts (
     owner_id uuid not null,
     person_id uuid not null,
     name text not null,
     phone text not null,
     primary key (owner_id, person_id)
   )`,
];

/** Address books in PostgreSQL. */
export class ContactStore {
  constructor(private readonly database: Queries) {}

  /** Adds a contact, or gives her a new name. */
  async save(ownerId: string, { personId, name, phone }: Contact): Promise<void> {
    await this.database.query(
      `insert into contacts (owner_id, person_id, name, phone) values ($1, $2, $3, $4)
       on conflict (owner_id, person_id) do update set name = $3, phone = $4`,
      [ownerId, personId, name, phone],
    );
  }

  /** Contacts whose name begins with `text`, whatever the case, in order of their names. */
  async find(ownerId: string, text: string, limit: number): Promise<Contact[]> {
    return this.database.query<{ personId: string; name: string; phone: string }>(
      `select person_id as "personId", name, phone from contacts
       where owner_id = $1 and starts_with(lower(name), lower($2)) order by name limit $3`,
      [ownerId, text, limit],
    );
  }

  async has(ownerId: string, personId: string): Promise<boolean> {
    const found = await this.database.query(
      'select 1 from contacts where owner_id = $1 and person_id = $2',
      [ownerId, personId],
    );
    return found.length > 0;
  }

  /** Removing who is not there is no error. */
  async remove(ownerId: string, personId: string): Promise<void> {
    await this.database.query('delete from contacts where owner_id = $1 and person_id = $2', [
      ownerId,
      personId,
    ]);
  }
}
