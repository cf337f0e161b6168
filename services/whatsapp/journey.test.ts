import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

let whatsapp: ProductWithStores;

beforeAll(async () => {
  whatsapp = await ProductWithStores.start({
    product: 'whatsapp',
    last: 'messenger-app',
    environment: {
      'messenger-app': {
        JOURNEYS_PER_SECOND: '4',
        JOURNEYS_MAX: String(JOURNEYS),
        // As many as journeys, so that none has to wait for a circle to come back.
        CIRCLES: String(JOURNEYS),
        THINK_MS: '50',
        FORBIDDEN_SHARE: '0.1',
      },
    },
  });
}, START_MS_MAX);

afterAll(async () => {
  await whatsapp?.stop();
}, 60_000);

describe('twenty people write to a friend and to a group', () => {
  let counts: CountsDocument;

  it('and all of them see that it was read', async () => {
    counts = await countsOfJourneys(whatsapp.running, 'messenger-app-1', JOURNEYS);
    expect(counts.journeys).toEqual({ read: JOURNEYS });
  }, 180_000);

  it('with two messages and three read deliveries each, none twice', async () => {
    const [kept] = await whatsapp.postgresql.rows<Record<string, number>>(
      'messages',
      `select count(*)::int as messages, count(distinct client_message_id)::int as ids,
         (select count(*)::int from deliveries) as deliveries,
         (select count(*)::int from deliveries where state = 'read' and delivered_at <= read_at
            and sent_at <= delivered_at) as read
       from messages`,
    );
    expect(kept).toEqual({
      messages: 2 * JOURNEYS,
      ids: 2 * JOURNEYS,
      deliveries: 3 * JOURNEYS,
      read: 3 * JOURNEYS,
    });
  });

  it('with every notification sent once and seen', async () => {
    const admin = whatsapp.valkey.admin();
    try {
      const known = await admin.keys('whatsapp-notification:notification:*');
      expect(known).toHaveLength(3 * JOURNEYS);
      // An empty list is no key.
      expect(await admin.keys('whatsapp-notification:waiting:*')).toEqual([]);
    } finally {
      admin.disconnect();
    }
  });

  it('while the app counted exactly what was sent, and every forbidden try was denied', () => {
    const { allowed, denied } = routedRequests(whatsapp.running, 'messenger-app');
    expect(countedRequests(counts)).toEqual(allowed);
    expect(denied).toBeGreaterThan(0);
    expect(counts.forbidden.reduce((sum, line) => sum + line.count, 0)).toBe(denied);
    expect(counts.forbidden.every(({ status }) => status === 403)).toBe(true);
  });

  it('while every agreed call was used and nothing failed', () => {
    const { running } = whatsapp;
    // Keys are fetched by sidecars, which are not here.
    const byApps = [...running.agreed].filter((call) => !call.endsWith(' sessions.keys'));
    expect(usedCalls(running)).toEqual(byApps.sort());
    expect(running.requests.filter(({ status }) => status >= 500)).toEqual([]);
  });

  it('and the app leaves its counts in its state folder when it stops', async () => {
    await whatsapp.running.stopInstance('messenger-app-1');
    const file = join(whatsapp.directory, 'state', 'messenger-app-1', 'counts.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(counts);
  });
});

describe('when a store dies', () => {
  it.each(['whatsapp-profile-1', 'contacts-1', 'groups-1', 'messages-2'])(
    '%s says so and recovers',
    async (instance) => {
      const { postgresql, running } = whatsapp;
      await postgresql.kill();
      expect((await running.ask(instance, '/healthz')).status).toBe(503);
      await postgresql.restart();
      await until(async () => (await running.ask(instance, '/healthz')).status === 200);
    },
    60_000,
  );

  it.each(['sessions-1', 'text-1', 'whatsapp-notification-1'])(
    '%s says so and recovers',
    async (instance) => {
      const { valkey, running } = whatsapp;
      await valkey.kill();
      expect((await running.ask(instance, '/healthz')).status).toBe(503);
      await valkey.restart();
      await valkey.createUser(instance.slice(0, -2));
      await until(async () => (await running.ask(instance, '/healthz')).status === 200);
    },
    60_000,
  );
});
