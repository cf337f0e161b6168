import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { CountsDocument } from '../runtime/traffic/counts.js';
import {
  countedRequests,
  countsOfJourneys,
  routedRequests,
  until,
  usedCalls,
} from '../testing/journeys.js';
import { ProductWithStores } from '../testing/product-with-stores.js';

const JOURNEYS = 20;
/** The first run on a machine builds the Go services and the Python environment. */
const START_MS_MAX = 900_000;

let uber: ProductWithStores;

beforeAll(async () => {
  uber = await ProductWithStores.start({
    product: 'uber',
    last: 'rider-app',
    environment: {
      orders: { RIDE_SPEEDUP: '1000' },
      'rider-app': {
        JOURNEYS_PER_SECOND: '3',
        JOURNEYS_MAX: String(JOURNEYS),
        THINK_MS: '50',
        FORBIDDEN_SHARE: '0.1',
      },
    },
  });
}, START_MS_MAX);

afterAll(async () => {
  await uber?.stop();
}, 60_000);

describe('twenty riders travel', () => {
  let counts: CountsDocument;

  it('and all of them arrive', async () => {
    counts = await countsOfJourneys(uber.running, 'rider-app-1', JOURNEYS);
    expect(counts.journeys).toEqual({ completed: JOURNEYS });
  }, 60_000);

  it('with every order completed once, and its history without a gap', async () => {
    const orders = await uber.postgresql.rows<{ id: string; events: string[] }>(
      'orders',
      `select id, (select array_agg(event order by at) from order_events where order_id = id) as events
       from orders where state = 'completed' and due_at is null`,
    );
    expect(orders).toHaveLength(JOURNEYS);
    for (const { events } of orders)
      expect(events).toEqual(['placed', 'fraud-accepted', 'driver-reserved', 'paid', 'arrived']);
  });

  it('with a ledger that balances and holds what the orders cost', async () => {
    const [entries] = await uber.postgresql.rows<{ sum: string; cards: string }>(
      'payment',
      `select sum(amount_cents), sum(amount_cents) filter (where account like 'card:%') as cards
       from entries`,
    );
    const [orders] = await uber.postgresql.rows<{ cents: string }>(
      'orders',
      `select sum((ride ->> 'amountCents')::int) as cents from orders`,
    );
    expect(entries?.sum).toBe('0');
    expect(entries?.cards).toBe(orders?.cents);
  });

  it('with rider and driver told twice: matched and completed', async () => {
    const admin = uber.valkey.admin();
    try {
      await until(async () => (await lengthOfInboxes(admin)) === 4 * JOURNEYS);
      expect(await admin.keys('drivers:order-of:*')).toEqual([]);
      expect(await admin.keys('drivers:driver-of:*')).toEqual([]);
    } finally {
      admin.disconnect();
    }
    await until(
      async () => (await uber.postgresql.rows('orders', 'select id from outbox')).length === 0,
    );
  }, 60_000);

  it('while the app counted exactly what was sent, and every forbidden try was denied', () => {
    const { allowed, denied } = routedRequests(uber.running, 'rider-app');
    expect(countedRequests(counts)).toEqual(allowed);
    expect(denied).toBeGreaterThan(0);
    expect(counts.forbidden.reduce((sum, line) => sum + line.count, 0)).toBe(denied);
    expect(counts.forbidden.every(({ status }) => status === 403)).toBe(true);
  });

  it('while every agreed call was used and nothing failed', () => {
    const { running } = uber;
    expect(usedCalls(running)).toEqual([...running.agreed].sort());
    expect(running.requests.filter(({ status }) => status >= 500)).toEqual([]);
  });

  it('and the app leaves its counts in its state folder when it stops', async () => {
    expect(await uber.running.stopInstance('rider-app-1')).toBeLessThan(5000);
    const file = join(uber.directory, 'state', 'rider-app-1', 'counts.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(counts);
  });
});

describe('when a store dies', () => {
  it.each(['accounts-1', 'payment-1', 'orders-2'])(
    '%s says so and recovers',
    async (instance) => {
      await uber.postgresql.kill();
      expect((await uber.running.ask(instance, '/healthz')).status).toBe(503);
      await uber.postgresql.restart();
      await until(async () => (await uber.running.ask(instance, '/healthz')).status === 200);
    },
    30_000,
  );

  it.each(['fraud-1', 'fare-1', 'maps-1'])(
    '%s says so and recovers',
    async (instance) => {
      const service = instance.slice(0, -2);
      await uber.valkey.kill();
      expect((await uber.running.ask(instance, '/healthz')).status).toBe(503);
      await uber.valkey.restart();
      await uber.valkey.createUser(service);
      await until(async () => (await uber.running.ask(instance, '/healthz')).status === 200);
    },
    30_000,
  );
});

async function lengthOfInboxes(admin: Redis): Promise<number> {
  const inboxes = await admin.keys('uber-notification:inbox:*');
  const lengths = await Promise.all(inboxes.map((inbox) => admin.llen(inbox)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
