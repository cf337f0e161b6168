import type { Database, Queries } from '../../runtime/postgresql.js';
import { notFound, Problem } from '../../runtime/problem.js';
import { type Charge, type Entry, reverse, split } from './split.js';

/** A charge as the ledger has it. */
export interface StoredCharge extends Charge {
  readonly refunded: boolean;
}

/** A card is not charged more than this at once. */
export const CHARGE_CENTS_MAX = 50_000;

export const migrations = [
  `create table charges (
     id text primary key,
     rider_id text not null,
     driver_id text not null,
     amount_cents integer not null check (amount_cents > 0),
     created_at timestamptz not null default now()
   );
   create table transactions (
     id bigint generated always as identity primary key,
     charge_id text not null references charges (id),
     kind text not null check (kind in ('charge', 'refund')),
     at timestamptz not null default now(),
     unique (charge_id, kind)
   );
   create table entries (
     transaction_id bigint not null references transactions (id),
     account text not null,
     amount_cents integer not null check (amount_cents <> 0),
     primary key (transaction_id, account)
   );
   create index entries_of_account on entries (account);

   -- The law of double entry, kept by the database itself: no transaction commits unless its entries
   -- cancel out.
   create function entries_cancel_out() returns trigger language plpgsql as $$
   begin
     if (select sum(amount_cents) from entries where transaction_id = new.transaction_id) <> 0 then
       raise exception 'the entries of transaction % do not cancel out', new.transaction_id
         using errcode = 'check_violation';
     end if;
     return null;
   end $$;
   create constraint trigger entries_cancel_out after insert or update on entries
     deferrable initially deferred for each row execute function entries_cancel_out()`,
];

/** Charges, and a ledger of entries whose sum is zero at every moment. */
export class Ledger {
  constructor(private readonly database: Database) {}

  /**
   * Charges once for each id; again with the same content it returns what was charged.
   * @throws Problem 402 when the card refuses, 409 when the id was used for something else
   */
  async charge(charge: Charge): Promise<StoredCharge> {
    if (charge.amountCents > CHARGE_CENTS_MAX)
      throw new Problem(402, 'Declined', `The card is not charged above ${CHARGE_CENTS_MAX} cents`);
    return this.database.transaction(async (transaction) => {
      const inserted = await transaction.query(
        `insert into charges (id, rider_id, driver_id, amount_cents) values ($1, $2, $3, $4)
         on conflict (id) do nothing returning id`,
        [charge.id, charge.riderId, charge.driverId, charge.amountCents],
      );
      if (inserted.length > 0) {
        await post(transaction, charge.id, 'charge', split(charge));
        return { ...charge, refunded: false };
      }
      const earlier = await find(transaction, charge.id);
      if (!isSame(earlier, charge))
        throw new Problem(409, 'Id in use', `${charge.id} names another charge`);
      return earlier;
    });
  }

  /** @throws Problem 404 */
  async find(id: string): Promise<StoredCharge> {
    return find(this.database, id);
  }

  /** Gives everything back, once. @throws Problem 404 */
  async refund(id: string): Promise<StoredCharge> {
    return this.database.transaction(async (transaction) => {
      const charge = await find(transaction, id);
      if (!charge.refunded) await post(transaction, id, 'refund', reverse(split(charge)));
      return { ...charge, refunded: true };
    });
  }

  /** What an account gained and gave, in cents; zero for one that the ledger does not know. */
  async balanceCents(account: string): Promise<number> {
    const [row] = await this.database.query<{ cents: string }>(
      'select coalesce(sum(amount_cents), 0) as cents from entries where account = $1',
      [account],
    );
    return Number(row?.cents);
  }
}

async function find(queries: Queries, id: string): Promise<StoredCharge> {
  const [row] = await queries.query<StoredCharge>(
    `select id, rider_id as "riderId", driver_id as "driverId", amount_cents as "amountCents",
       exists (select from transactions t where t.charge_id = c.id and t.kind = 'refund') as refunded
     from charges c where id = $1`,
    [id],
  );
  if (row === undefined) throw notFound(`charge ${id}`);
  return row;
}

async function post(
  queries: Queries,
  chargeId: string,
  kind: 'charge' | 'refund',
  entries: readonly Entry[],
): Promise<void> {
  const [transaction] = await queries.query<{ id: string }>(
    'insert into transactions (charge_id, kind) values ($1, $2) returning id',
    [chargeId, kind],
  );
  await queries.query(
    `insert into entries (transaction_id, account, amount_cents)
     select $1, account, cents from unnest($2::text[], $3::integer[]) as entry (account, cents)`,
    [
      transaction?.id,
      entries.map((entry) => entry.account),
      entries.map((entry) => entry.amountCents),
    ],
  );
}

function isSame(a: Charge, b: Charge): boolean {
  return a.riderId === b.riderId && a.driverId === b.driverId && a.amountCents === b.amountCents;
}
