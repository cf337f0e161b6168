import { runDatabaseService } from '../../runtime/run-database-service.js';
import { GroupStore, migrations } from './group-store.js';
import { groupOperations } from './operations.js';

await runDatabaseService(migrations, (database, peers) =>
  groupOperations(new GroupStore(database), peers),
);
