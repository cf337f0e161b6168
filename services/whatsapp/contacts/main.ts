import { runDatabaseService } from '../../runtime/run-database-service.js';
import { ContactStore, migrations } from './contact-store.js';
import { contactOperations } from './operations.js';

await runDatabaseService(migrations, (database, peers) =>
  contactOperations(new ContactStore(database), peers),
);
