import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '../../runtime/logger.js';
import { Database } from '../../runtime/postgresql.js';
import { TestPostgresql } from '../../testing/stores.js';
import { type Message, MessageStore, migrations } from './message-store.js';

const who = { DOTLINE_SERVICE: 'messages', DOTLINE_INSTANCE: 'messages-1' };
let directory: string;
let postgresql: TestPostgresql;
let database: Database;
let messages: MessageStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'messages-'));
  postgresql = await TestPostgresql.start(directory);
  const url = await postgresql.createDatabase('messages');
  database = new Database(url, migrations, createLogger({ ...who, LOG_LEVEL: 'error' }));
  await database.migrated();
  messages = new MessageStore(database);
}, 120_000);

afterAll(async () => {
  await database?.close();
  await postgresql?.stop();
  await rm(directory, { recursive: true, force: true });
}, 30_000);

function message(receivers = 2): Message {
  const receiverIds = Array.from({ length: receivers }, () => randomUUID());
  return {
    id: randomUUID(),
    senderId: randomUUID(),
    clientMessageId: `phone-${randomUUID()}`,
    to: { groupId: randomUUID() },
    text: 'See you at eight',
    receiverIds,
  };
}

describe('a message', () => {
  it('is kept once, however often and at once it is sent', async () => {
    const sent = message();
    const isNew = await Promise.all(Array.from({ length: 8 }, () => messages.keep(sent)));
    expect(isNew.filter(Boolean)).toHaveLength(1);
    expect(await messages.deliveries(sent.id, sent.senderId)).toHaveLength(2);
  });

  it('is refused when its id names another one, and leaves nothing behind', async () => {
    const sent = message();
    await messages.keep(sent);
    const other = { ...sent, id: randomUUID(), text: 'Or at nine' };
    await expect(messages.keep(other)).rejects.toMatchObject({ status: 409 });
    await expect(messages.deliveries(other.id, sent.senderId)).rejects.toMatchObject({
      status: 404,
    });
  });

  it('is unread until its receiver has read it, and shows its sender how far it has come', async () => {
    const sent = message();
    const [first = '', second = ''] = sent.receiverIds;
    await messages.keep(sent);
    expect(await messages.unread(first, 10)).toMatchObject([{ id: sent.id, state: 'sent' }]);
    expect(await messages.receipt(sent.id, first, 'delivered')).toBe('delivered');
    expect(await messages.receipt(sent.id, second, 'read')).toBe('read');
    expect(await messages.receipt(sent.id, second, 'delivered')).toBe('read');
    expect(await messages.unread(second, 10)).toEqual([]);
    const deliveries = await messages.deliveries(sent.id, sent.senderId);
    const states = new Map(deliveries.map(({ receiverId, state }) => [receiverId, state]));
    expect(states).toEqual(
      new Map([
        [first, 'delivered'],
        [second, 'read'],
      ]),
    );
    expect(deliveries.every(({ deliveredAt }) => deliveredAt !== null)).toBe(true);
  });

  it('is nobody else’s to acknowledge or follow', async () => {
    const sent = message();
    await messages.keep(sent);
    const stranger = randomUUID();
    await expect(messages.receipt(sent.id, stranger, 'read')).rejects.toMatchObject({
      status: 404,
    });
    await expect(messages.deliveries(sent.id, stranger)).rejects.toMatchObject({ status: 404 });
  });
});
