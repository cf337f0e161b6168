import type { Database, Queries } from '../../runtime/postgresql.js';
import { notFound, Problem } from '../../runtime/problem.js';
import { type DeliveryState, type Receipt, stateAfter } from './delivery-state.js';

/** Where a message was written: to one person, or to a group. */
export type Conversation = { readonly personId: string } | { readonly groupId: string };

/** What somebody wrote, and who gets it. */
export interface Message {
  readonly id: string;
  readonly senderId: string;
  /** Chosen by the sender's phone; one of a sender is one message. */
  readonly clientMessageId: string;
  readonly to: Conversation;
  readonly text: string;
  readonly receiverIds: readonly string[];
}

/** A message as a receiver's phone gets it. */
export interface Received {
  readonly id: string;
  readonly senderId: string;
  readonly to: Conversation;
  readonly text: string;
  readonly state: DeliveryState;
  readonly sentAt: Date;
}

/** How far a message has come on its way to one receiver. */
export interface Delivery {
  readonly receiverId: string;
  readonly state: DeliveryState;
  readonly deliveredAt: Date | null;
  readonly readAt: Date | null;
}

export const migrations = [
  `create table messages (
     id uuid primary key,
     sender_id uuid not null,
     client_message_id text not null,
     conversation jsonb not null,
     text text not null,
     sent_at timestamptz not null default now(),
     unique (sender_id, client_message_id)
   );
   create table deliveries (
     message_id uuid not null references messages (id),
     receiver_id uuid not null,
     sent_at timestamptz not null default now(),
     state text not null default 'sent' check (state in ('sent', 'delivered', 'read')),
     delivered_at timestamptz,
     read_at timestamptz,
     primary key (message_id, receiver_id),
     check ((delivered_at is null) = (state = 'sent')),
     check ((read_at is not null) = (state = 'read'))
   );
   create index deliveries_unread on deliveries (receiver_id, sent_at) where state <> 'read'`,
];

/** Messages and their deliveries in PostgreSQL. */
export class MessageStore {
  constructor(private readonly database: Database) {}

  /**
   * Keeps a message and one delivery for each receiver, all or nothing, once for each id of a phone.
   * @returns whether it is new
   * @throws Problem 409 when the phone's id names another message
   */
  async keep(message: Message): Promise<boolean> {
    const { id, senderId, clientMessageId, to, text, receiverIds } = message;
    // One statement is one transaction, and needs no isolation that makes others try again.
    const inserted = await this.database.query(
      `with message as (
         insert into messages (id, sender_id, client_message_id, conversation, text)
         values ($1, $2, $3, $4, $5) on conflict do nothing returning id),
       kept as (
         insert into deliveries (message_id, receiver_id)
         select distinct message.id, receiver from message, unnest($6::uuid[]) as receiver)
       select id from message`,
      [id, senderId, clientMessageId, JSON.stringify(to), text, receiverIds],
    );
    if (inserted.length === 0) await requireSame(this.database, message);
    return inserted.length > 0;
  }

  /** What a receiver has not read, oldest first. */
  async unread(receiverId: string, limit: number): Promise<Received[]> {
    return this.database.query<Received & Record<string, unknown>>(
      `select id, sender_id as "senderId", conversation as "to", text, state,
         messages.sent_at as "sentAt"
       from deliveries join messages on id = message_id
       where receiver_id = $1 and state <> 'read' order by deliveries.sent_at, id limit $2`,
      [receiverId, limit],
    );
  }

  /**
   * Takes a receipt of a receiver's phone.
   * @returns the delivery's state after it
   * @throws Problem 404 when the message was not sent to the receiver
   */
  async receipt(id: string, receiverId: string, receipt: Receipt): Promise<DeliveryState> {
    for (;;) {
      const [delivery] = await this.database.query<{ state: DeliveryState }>(
        'select state from deliveries where message_id = $1 and receiver_id = $2',
        [id, receiverId],
      );
      if (delivery === undefined) throw notFound(`message ${id}`);
      const state = stateAfter(delivery.state, receipt);
      if (state === delivery.state) return state;
      const moved = await this.database.query(
        `update deliveries set state = $4, delivered_at = coalesce(delivered_at, now()),
           read_at = case when $4 = 'read' then now() end
         where message_id = $1 and receiver_id = $2 and state = $3 returning 1`,
        [id, receiverId, delivery.state, state],
      );
      if (moved.length > 0) return state;
      // Another receipt was faster. A state only goes forward, so this ends after two rounds.
    }
  }

  /** The deliveries of a sender's own message. @throws Problem 404 when she sent no such one */
  async deliveries(id: string, senderId: string): Promise<Delivery[]> {
    const found = await this.database.query<Delivery & Record<string, unknown>>(
      `select receiver_id as "receiverId", state, delivered_at as "deliveredAt", read_at as "readAt"
       from deliveries join messages on id = message_id
       where id = $1 and sender_id = $2 order by receiver_id`,
      [id, senderId],
    );
    if (found.length === 0) throw notFound(`message ${id}`);
    return found;
  }
}

async function requireSame(queries: Queries, message: Message): Promise<void> {
  const { id, senderId, clientMessageId, to, text } = message;
  const same = await queries.query(
    `select 1 from messages where id = $1 and sender_id = $2 and client_message_id = $3
       and conversation = $4::jsonb and text = $5`,
    [id, senderId, clientMessageId, JSON.stringify(to), text],
  );
  if (same.length > 0) return;
  throw new Problem(409, 'Id in use', `${clientMessageId} names another message of its sender`);
}
