import { runDatabaseService } from '../../runtime/run-database-service.js';
import { profileOperations } from './operations.js';
import { migrations, ProfileStore } from './profile-store.js';

await runDatabaseService(migrations, (database, peers) =>
  profileOperations(new ProfileStore(database), peers),
);
