import { randomUUID } from 'node:crypto';
import type { Database, Queries } from '../../runtime/postgresql.js';
import { notFound, Problem } from '../../runtime/problem.js';
import { currentTraceParent } from '../../runtime/trace-parent.js';
import type { Message } from './message.js';
import { isFinal, type OrderEvent, type OrderState, stateAfter } from './order-state.js';

export interface Place {
  readonly id: string;
  readonly name: string;
  readonly lat: number;
  readonly lon: number;
}

/** What a rider agreed to, as `fare` had estimated it. */
export interface AgreedRide {
  readonly estimateId: string;
  readonly from: Place;
  readonly to: Place;
  readonly amountCents: number;
  readonly currency: string;
  readonly durationSeconds: number;
}

export interface Order {
  readonly id: string;
  readonly riderId: string;
  readonly ride: AgreedRide;
  readonly state: OrderState;
  readonly driverId: string | null;
  /** Attempts at the present step. */
  readonly attempts: number;
  readonly createdAt: Date;
  /** The trace of the request that placed it, which its steps go on with. */
  readonly traceParent: string | null;
}

/** A message that waits to be sent. */
export interface Waiting extends Message {
  readonly attempts: number;
  readonly traceParent: string | null;
}

export const migrations = [
  `create table orders (
     id uuid primary key,
     rider_id uuid not null,
     idempotency_key text not null,
     ride jsonb not null,
     state text not null,
     driver_id text,
     attempts integer not null default 0,
     -- When the next step may be tried; null when there is none.
     due_at timestamptz,
     trace_parent text,
     created_at timestamptz not null default now(),
     unique (rider_id, idempotency_key)
   );
   create index orders_due on orders (due_at) where due_at is not null;
   create table order_events (
     order_id uuid not null references orders (id),
     at timestamptz not null default now(),
     event text not null,
     state text not null
   );
   create index order_events_of_order on order_events (order_id, at);
   -- Messages are written with the event that causes them and sent afterwards, so that neither can
   -- happen without the other.
   create table outbox (
     id text primary key,
     message jsonb not null,
     attempts integer not null default 0,
     due_at timestamptz not null default now(),
     trace_parent text
   );
   create index outbox_due on outbox (due_at)`,
];

const COLUMNS = `id, rider_id as "riderId", ride, state, driver_id as "driverId", attempts,
  created_at as "createdAt", trace_parent as "traceParent"`;

/** What a step found out, to be recorded with its event. */
export interface Outcome {
  readonly event: OrderEvent;
  readonly driverId?: string;
  /** How long the order rests in its new state. */
  readonly nextStepInMs?: number;
  readonly messages?: readonly Message[];
}

/** Orders, their history and the messages that wait to be sent, in PostgreSQL. */
export class OrderStore {
  constructor(private readonly database: Database) {}

  /** The rider's order with this key, if she has placed it already. */
  async placed(riderId: string, idempotencyKey: string): Promise<Order | undefined> {
    const [order] = await this.database.query<Order>(
      `select ${COLUMNS} from orders where rider_id = $1 and idempotency_key = $2`,
      [riderId, idempotencyKey],
    );
    return order;
  }

  /**
   * Places an order once for each key of a rider; again it returns the first one.
   * @throws Problem 409 when the key was used for another ride
   */
  async place(riderId: string, idempotencyKey: string, ride: AgreedRide): Promise<Order> {
    await this.database.transaction(async (transaction) => {
      const inserted = await transaction.query<{ id: string }>(
        `insert into orders (id, rider_id, idempotency_key, ride, state, due_at, trace_parent)
         values ($1, $2, $3, $4, 'requested', now(), $5)
         on conflict (rider_id, idempotency_key) do nothing returning id`,
        [randomUUID(), riderId, idempotencyKey, JSON.stringify(ride), currentTraceParent()],
      );
      const id = inserted[0]?.id;
      if (id !== undefined) await recordEvent(transaction, id, 'placed', 'requested');
    });
    const order = await this.placed(riderId, idempotencyKey);
    if (order?.ride.estimateId === ride.estimateId) return order;
    throw new Problem(409, 'Key in use', `${idempotencyKey} names an order of another ride`);
  }

  /** @throws Problem 404 when the rider has no such order */
  async find(id: string, riderId: string): Promise<Order> {
    const [order] = await this.database.query<Order>(
      `select ${COLUMNS} from orders where id = $1 and rider_id = $2`,
      [id, riderId],
    );
    if (order === undefined) throw notFound(`order ${id}`);
    return order;
  }

  /**
   * Takes orders whose next step is due, for as long as a lease; no other worker gets them meanwhile.
   * A worker that dies loses them when the lease ends.
   */
  async take(limit: number, leaseMs: number): Promise<Order[]> {
    return this.database.query<Order>(
      `update orders set attempts = attempts + 1, due_at = now() + $2 * interval '1 ms'
       where id in (select id from orders where due_at <= now() order by due_at limit $1
                    for update skip locked)
       returning ${COLUMNS}`,
      [limit, leaseMs],
    );
  }

  /** Puts a step off. */
  async postpone(order: Order, waitMs: number): Promise<void> {
    await this.database.query(
      `update orders set due_at = now() + $3 * interval '1 ms' where id = $1 and state = $2`,
      [order.id, order.state, waitMs],
    );
  }

  /**
   * Records what happened, if the order still is in the state that the outcome was found for.
   * @returns the new state, or undefined when the order has moved on or the event is impossible
   */
  async record(
    order: Pick<Order, 'id' | 'state'>,
    outcome: Outcome,
  ): Promise<OrderState | undefined> {
    const next = stateAfter(order.state, outcome.event);
    if (next === undefined) return undefined;
    return this.database.transaction(async (transaction) => {
      const moved = await transaction.query(
        `update orders set state = $3, driver_id = coalesce($4, driver_id), attempts = 0,
           due_at = case when $5 then null else now() + $6 * interval '1 ms' end
         where id = $1 and state = $2 returning id`,
        [
          order.id,
          order.state,
          next,
          outcome.driverId ?? null,
          isFinal(next),
          outcome.nextStepInMs ?? 0,
        ],
      );
      if (moved.length === 0) return undefined;
      await recordEvent(transaction, order.id, outcome.event, next);
      for (const message of outcome.messages ?? []) await enqueue(transaction, message);
      return next;
    });
  }

  /** Takes messages to send, for as long as a lease. */
  async takeMessages(limit: number, leaseMs: number): Promise<Waiting[]> {
    const rows = await this.database.query<{ message: Message } & Omit<Waiting, keyof Message>>(
      `update outbox set attempts = attempts + 1, due_at = now() + $2 * interval '1 ms'
       where id in (select id from outbox where due_at <= now() order by due_at limit $1
                    for update skip locked)
       returning message, attempts, trace_parent as "traceParent"`,
      [limit, leaseMs],
    );
    return rows.map(({ message, ...waiting }) => ({ ...message, ...waiting }));
  }

  /** Forgets a message that was sent or cannot be. */
  async settleMessage(id: string): Promise<void> {
    await this.database.query('delete from outbox where id = $1', [id]);
  }

  async postponeMessage(id: string, waitMs: number): Promise<void> {
    await this.database.query(
      `update outbox set due_at = now() + $2 * interval '1 ms' where id = $1`,
      [id, waitMs],
    );
  }

  /** Milliseconds until something is due, 0 when it is overdue, undefined when nothing waits. */
  async nextDueInMs(): Promise<number | undefined> {
    const [row] = await this.database.query<{ ms: number | null }>(
      `select extract(epoch from least(
         (select min(due_at) from orders where due_at is not null),
         (select min(due_at) from outbox)) - now())::float8 * 1000 as ms`,
    );
    return row?.ms == null ? undefined : Math.max(0, row.ms);
  }
}

async function recordEvent(
  queries: Queries,
  id: string,
  event: string,
  state: OrderState,
): Promise<void> {
  await queries.query('insert into order_events (order_id, event, state) values ($1, $2, $3)', [
    id,
    event,
    state,
  ]);
}

async function enqueue(queries: Queries, message: Message): Promise<void> {
  await queries.query(
    `insert into outbox (id, message, trace_parent) values ($1, $2, $3)
     on conflict (id) do nothing`,
    [message.id, JSON.stringify(message), currentTraceParent()],
  );
}
