import { createLogger } from '../../runtime/logger.js';
import { Peers } from '../../runtime/peers.js';
import { Database } from '../../runtime/postgresql.js';
import { runService } from '../../runtime/run-service.js';
import { postgresqlSettings, readSettings } from '../../runtime/settings.js';
import { MessageStore, migrations } from './message-store.js';
import { messageOperations } from './operations.js';

const settings = readSettings(postgresqlSettings);
const log = createLogger(settings);
const database = new Database(settings.DATABASE_URL, migrations, log);
const peers = new Peers(settings);

await runService({
  listen: settings.DOTLINE_LISTEN,
  log,
  router: messageOperations(new MessageStore(database), peers),
  ready: () => database.ping(),
  resources: [peers, database],
});
