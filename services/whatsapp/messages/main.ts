import { runDatabaseService } from '../../runtime/run-database-service.js';
import { MessageStore, migrations } from './message-store.js';
import { messageOperations } from './operations.js';

await runDatabaseService(migrations, (database, peers) =>
  messageOperations(new MessageStore(database), peers),
);
