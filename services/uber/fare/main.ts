import { createLogger } from '../../runtime/logger.js';
import { Peers } from '../../runtime/peers.js';
import { runService } from '../../runtime/run-service.js';
import { readSettings, valkeySettings } from '../../runtime/settings.js';
import { Valkey } from '../../runtime/valkey.js';
import { EstimateStore } from './estimate-store.js';
import { fareOperations } from './operations.js';

const settings = readSettings(valkeySettings);
const log = createLogger(settings);
const valkey = new Valkey(settings, log);
const peers = new Peers(settings);

await runService({
  listen: settings.DOTLINE_LISTEN,
  log,
  router: fareOperations({ estimates: new EstimateStore(valkey), peers, log }),
  ready: () => valkey.ping(),
  resources: [peers, valkey],
});
