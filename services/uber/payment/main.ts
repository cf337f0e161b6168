import { createLogger } from '../../runtime/logger.js';
import { Database } from '../../runtime/postgresql.js';
import { runService } from '../../runtime/run-service.js';
import { postgresqlSettings, readSettings } from '../../runtime/settings.js';
import { Ledger, migrations } from './ledger.js';
import { paymentOperations } from './operations.js';

const settings = readSettings(postgresqlSettings);
const log = createLogger(settings);
const database = new Database(settings.DATABASE_URL, migrations, log);

await runService({
  listen: settings.DOTLINE_LISTEN,
  log,
  router: paymentOperations(new Ledger(database)),
  ready: () => database.ping(),
  resources: [database],
});
