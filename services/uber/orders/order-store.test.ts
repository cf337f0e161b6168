import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startDatabase, type TestDatabase } from '../../testing/test-database.js';
import { toRider } from './message.js';
import { type AgreedRide, migrations, OrderStore } from './order-store.js';

const LEASE_MS = 60_000;

let test: TestDatabase;
let orders: OrderStore;

beforeAll(async () => {
  test = await startDatabase(migrations);
  orders = new OrderStore(test.database);
}, 120_000);

afterAll(() => test?.remove(), 30_000);

beforeEach(() => test.database.query('truncate orders, order_events, outbox'));

function rideOf(estimateId: string = randomUUID()): AgreedRide {
  const place = { id: 'p-1', name: 'Mill Lane', lat: 52.37, lon: 4.9 };
  const price = { amountCents: 1200, currency: 'EUR', durationSeconds: 600 };
  return { estimateId, from: place, to: { ...place, id: 'p-2' }, ...price };
}

describe('placing', () => {
  it('gives the same order for the same key, even at the same moment', async () => {
    const rider = randomUUID();
    const ride = rideOf();
    const placed = await Promise.all(
      Array.from({ length: 5 }, () => orders.place(rider, 'key-0001', ride)),
    );
    expect(new Set(placed.map(({ id }) => id)).size).toBe(1);
    expect(await test.database.query('select from order_events')).toHaveLength(1);
  });

  it('keeps the keys of riders apart, and refuses a key of another ride', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const first = await orders.place(one, 'key-0001', rideOf());
    expect((await orders.place(other, 'key-0001', rideOf())).id).not.toBe(first.id);
    await expect(orders.place(one, 'key-0001', rideOf())).rejects.toMatchObject({ status: 409 });
    await expect(orders.find(first.id, other)).rejects.toMatchObject({ status: 404 });
  });
});

describe('taking', () => {
  it('gives each due order to one taker, until its lease ends', async () => {
    for (let n = 0; n < 12; n += 1) await orders.place(randomUUID(), 'key-0001', rideOf());
    const taken = (await Promise.all([1, 2, 3, 4].map(() => orders.take(5, LEASE_MS)))).flat();
    const rest = await orders.take(20, LEASE_MS);
    const ids = [...taken, ...rest].map(({ id }) => id);
    expect(ids).toHaveLength(12);
    expect(new Set(ids).size).toBe(12);
    expect(await orders.take(20, LEASE_MS)).toEqual([]);
  });

  it('gives an order again after its lease, with one attempt more', async () => {
    await orders.place(randomUUID(), 'key-0001', rideOf());
    expect(await orders.take(1, 0)).toMatchObject([{ attempts: 1 }]);
    expect(await orders.take(1, LEASE_MS)).toMatchObject([{ attempts: 2 }]);
    expect(await orders.nextDueInMs()).toBeGreaterThan(LEASE_MS / 2);
  });
});

describe('recording', () => {
  it('moves an order once, writes its history and its messages in one step', async () => {
    const order = await orders.place(randomUUID(), 'key-0001', rideOf());
    const rejected = {
      event: 'fraud-rejected' as const,
      messages: [toRider(order, 'rejected', 'We could not accept your order')],
    };
    const states = await Promise.all([1, 2, 3].map(() => orders.record(order, rejected)));
    expect(states.filter((state) => state !== undefined)).toEqual(['rejected']);
    expect(await orders.find(order.id, order.riderId)).toMatchObject({ state: 'rejected' });
    const [message, ...more] = await orders.takeMessages(10, LEASE_MS);
    expect(more).toEqual([]);
    expect(message).toMatchObject({ recipient: `rider:${order.riderId}`, kind: 'rejected' });
    await orders.settleMessage(message?.id ?? '');
    expect(await orders.nextDueInMs()).toBeUndefined();
  });

  it('does nothing for an event that is impossible, or an order that has moved on', async () => {
    const order = await orders.place(randomUUID(), 'key-0001', rideOf());
    expect(await orders.record(order, { event: 'arrived' })).toBeUndefined();
    expect(await orders.record(order, { event: 'cancel' })).toBe('cancelled');
    expect(await orders.record(order, { event: 'fraud-accepted' })).toBeUndefined();
    expect(await orders.find(order.id, order.riderId)).toMatchObject({ state: 'cancelled' });
  });

  it('starts a step anew in a new state, and lets the order rest as long as asked', async () => {
    const order = await orders.place(randomUUID(), 'key-0001', rideOf());
    await orders.take(1, 0);
    const event = { event: 'fraud-accepted', nextStepInMs: 30_000 } as const;
    expect(await orders.record(order, event)).toBe('accepted');
    expect(await orders.find(order.id, order.riderId)).toMatchObject({ attempts: 0 });
    expect(await orders.take(1, LEASE_MS)).toEqual([]);
    expect(await orders.nextDueInMs()).toBeGreaterThan(20_000);
  });
});
