import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import pg from 'pg';
import type { CountsDocument } from '../runtime/traffic/counts.js';
import { RunningProduct } from '../testing/running-product.js';
import { TestPostgresql, TestValkey } from '../testing/stores.js';

const JOURNEYS = 20;
/** The first run on a machine builds the Go services and the Python environment. */
const START_MS_MAX = 900_000;

let directory: string;
let postgresql: TestPostgresql;
let valkey: TestValkey;
let uber: RunningProduct;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'uber-'));
  postgresql = await TestPostgresql.start(directory);
  valkey = await TestValkey.start(directory);
  uber = await RunningProduct.start({
    product: 'uber',
    directory,
    postgresql,
    valkey,
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
  await Promise.all([postgresql?.stop(), valkey?.stop()]);
  await rm(directory, { recursive: true, force: true });
}, 60_000);

describe('twenty riders travel', () => {
  let counts: CountsDocument;

  it('and all of them arrive', async () => {
    counts = await untilJourneysEnded();
    expect(counts.journeys).toEqual({ completed: JOURNEYS });
  }, 60_000);

  it('with every order completed once, and its history without a gap', async () => {
    const orders = await rows<{ id: string; events: string[] }>(
      'orders',
      `select id, (select array_agg(event order by at) from order_events where order_id = id) as events
       from orders where state = 'completed' and due_at is null`,
    );
    expect(orders).toHaveLength(JOURNEYS);
    for (const { events } of orders)
      expect(events).toEqual(['placed', 'fraud-accepted', 'driver-reserved', 'paid', 'arrived']);
  });

  it('with a ledger that balances and holds what the orders cost', async () => {
    const [entries] = await rows<{ sum: string; cards: string }>(
      'payment',
      `select sum(amount_cents), sum(amount_cents) filter (where account like 'card:%') as cards
       from entries`,
    );
    const [orders] = await rows<{ cents: string }>(
      'orders',
      `select sum((ride ->> 'amountCents')::int) as cents from orders`,
    );
    expect(entries?.sum).toBe('0');
    expect(entries?.cards).toBe(orders?.cents);
  });

  it('with rider and driver told twice: matched and completed', async () => {
    const admin = valkey.admin();
    try {
      await until(async () => (await lengthOfInboxes(admin)) === 4 * JOURNEYS);
      expect(await admin.keys('drivers:order-of:*')).toEqual([]);
      expect(await admin.keys('drivers:driver-of:*')).toEqual([]);
    } finally {
      admin.disconnect();
    }
    await until(async () => (await rows('orders', 'select id from outbox')).length === 0);
  }, 60_000);

  it('while the app counted exactly what was sent, and every forbidden try was denied', () => {
    const allowed = counts.requests.map((l) => [`${l.callee}.${l.operation} ${l.status}`, l.count]);
    const seen = uber.requests.filter((request) => request.caller === 'rider-app');
    const tally = new Map<string, number>();
    for (const { callee, operation, status } of seen) {
      const name = `${callee}.${operation} ${status}`;
      if (operation !== 'denied') tally.set(name, (tally.get(name) ?? 0) + 1);
    }
    expect(Object.fromEntries(allowed)).toEqual(Object.fromEntries(tally));
    const denied = seen.filter(({ operation }) => operation === 'denied').length;
    expect(denied).toBeGreaterThan(0);
    expect(counts.forbidden.reduce((sum, line) => sum + line.count, 0)).toBe(denied);
    expect(counts.forbidden.every(({ status }) => status === 403)).toBe(true);
  });

  it('while every agreed call was used and nothing failed', () => {
    const used = new Set(
      uber.requests
        .filter(({ operation }) => operation !== 'denied')
        .map(({ caller, callee, operation }) => `${caller} ${callee}.${operation}`),
    );
    expect([...used].sort()).toEqual([...uber.agreed].sort());
    expect(uber.requests.filter(({ status }) => status >= 500)).toEqual([]);
  });

  it('and the app leaves its counts in its state folder when it stops', async () => {
    expect(await uber.stopInstance('rider-app-1')).toBeLessThan(5000);
    const file = join(directory, 'state', 'rider-app-1', 'counts.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(counts);
  });
});

describe('when a store dies', () => {
  it.each(['accounts-1', 'payment-1', 'orders-2'])(
    '%s says so and recovers',
    async (instance) => {
      await postgresql.kill();
      expect((await uber.ask(instance, '/healthz')).status).toBe(503);
      await postgresql.restart();
      await until(async () => (await uber.ask(instance, '/healthz')).status === 200);
    },
    30_000,
  );

  it.each(['fraud-1', 'fare-1', 'maps-1'])(
    '%s says so and recovers',
    async (instance) => {
      const service = instance.slice(0, -2);
      await valkey.kill();
      expect((await uber.ask(instance, '/healthz')).status).toBe(503);
      await valkey.restart();
      await valkey.createUser(service);
      await until(async () => (await uber.ask(instance, '/healthz')).status === 200);
    },
    30_000,
  );
});

async function untilJourneysEnded(): Promise<CountsDocument> {
  let document: CountsDocument | undefined;
  await until(async () => {
    document = (await uber.ask('rider-app-1', '/v1/counts')).body as CountsDocument;
    const ended = Object.values(document.journeys).reduce((sum, count) => sum + count, 0);
    return ended === JOURNEYS;
  });
  return document as CountsDocument;
}

async function lengthOfInboxes(admin: Redis): Promise<number> {
  const inboxes = await admin.keys('uber-notification:inbox:*');
  const lengths = await Promise.all(inboxes.map((inbox) => admin.llen(inbox)));
  return lengths.reduce((sum, length) => sum + length, 0);
}

async function rows<Row extends pg.QueryResultRow>(database: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: postgresql.adminUrl(database) });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Asks every 200 ms, for at most half a minute. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 30_000; !(await condition()); await sleep(200))
    expect(Date.now()).toBeLessThan(giveUpAt);
}
