import { z } from 'zod';
import { createLogger } from '../../runtime/logger.js';
import { Peers } from '../../runtime/peers.js';
import { Database } from '../../runtime/postgresql.js';
import { runService } from '../../runtime/run-service.js';
import { postgresqlSettings, readSettings } from '../../runtime/settings.js';
import { orderOperations } from './operations.js';
import { migrations, OrderStore } from './order-store.js';
import { Steps } from './steps.js';
import { Worker } from './worker.js';

const settings = readSettings({
  ...postgresqlSettings,
  /** How many times faster than the city's clock rides go. */
  RIDE_SPEEDUP: z.coerce.number().min(1).max(100_000).default(300),
});
const log = createLogger(settings);
const database = new Database(settings.DATABASE_URL, migrations, log);
const peers = new Peers(settings);
const orders = new OrderStore(database);
const worker = new Worker(orders, new Steps(peers, settings.RIDE_SPEEDUP), peers, log);

void database.migrated().then(() => worker.wake());
await runService({
  listen: settings.DOTLINE_LISTEN,
  log,
  router: orderOperations({ orders, peers, wake: () => worker.wake() }),
  ready: () => database.ping(),
  resources: [worker, peers, database],
});
