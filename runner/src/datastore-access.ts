import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Service } from '@dotline/model/mesh';
import { Redis } from 'ioredis';
import pg from 'pg';

/** How to reach the datastores as an administrator, and the root of the services' passwords. */
export interface DatastoreAdministration {
  readonly postgresqlUrl: string;
  readonly valkeyUrl: string;
  readonly valkeyUserFile: string;
  readonly valkeyPassword: string;
  readonly servicesSecret: string;
}

const DUPLICATE_DATABASE = '42P04';

/** The environment variables that let one service, and no other, reach its own datastore. */
export function datastoreEnvironment(
  service: Service,
  administration: DatastoreAdministration,
): Record<string, string> {
  const password = servicePassword(service.name, administration);
  const url = (base: string) => {
    const own = new URL(base);
    own.username = service.name;
    own.password = password;
    return own;
  };
  switch (service.datastore) {
    case 'postgresql': {
      const own = url(administration.postgresqlUrl);
      own.pathname = `/${service.name}`;
      return { DATABASE_URL: own.href };
    }
    case 'valkey':
      return {
        REDIS_URL: url(administration.valkeyUrl).href,
        REDIS_KEY_PREFIX: `${service.name}:`,
      };
    case 'none':
      return {};
  }
}

/** Makes a role and a database for every service that keeps its data in PostgreSQL; those that exist stay as they are. */
export async function providePostgresqlAccess(
  services: readonly Service[],
  administration: DatastoreAdministration,
): Promise<void> {
  const client = new pg.Client({ connectionString: administration.postgresqlUrl });
  await client.connect();
  try {
    for (const service of services.filter(({ datastore }) => datastore === 'postgresql')) {
      const name = client.escapeIdentifier(service.name);
      const password = client.escapeLiteral(servicePassword(service.name, administration));
      const known = await client.query('select 1 from pg_roles where rolname = $1', [service.name]);
      await client.query(
        `${known.rowCount === 0 ? 'create' : 'alter'} role ${name} login password ${password} connection limit 40`,
      );
      await client
        .query(`create database ${name} owner ${name}`)
        .catch((error: { code?: string }) => {
          if (error.code !== DUPLICATE_DATABASE) throw error;
        });
      await client.query(`revoke connect on database ${name} from public`);
    }
  } finally {
    await client.end();
  }
}

/** Makes the database of the platform itself. */
export async function providePlatformDatabase(
  administrationUrl: string,
  name: string,
): Promise<void> {
  const client = new pg.Client({ connectionString: administrationUrl });
  await client.connect();
  try {
    await client
      .query(`create database ${client.escapeIdentifier(name)}`)
      .catch((error: { code?: string }) => {
        if (error.code !== DUPLICATE_DATABASE) throw error;
      });
  } finally {
    await client.end();
  }
}

/**
 * Writes the users that Valkey knows: the administrator, and one for each service that keeps its data
 * there, who may touch only keys with the service's prefix. Valkey reads the file when it starts, so
 * users outlive its restarts.
 */
export async function writeValkeyUsers(
  services: readonly Service[],
  administration: DatastoreAdministration,
): Promise<void> {
  const users = services
    .filter(({ datastore }) => datastore === 'valkey')
    .map(
      ({ name }) =>
        `user ${name} on >${servicePassword(name, administration)} ~${name}:* &${name}:* +@all -@admin -@dangerous +info`,
    );
  const lines = [`user default on >${administration.valkeyPassword} ~* &* +@all`, ...users];
  await writeFile(administration.valkeyUserFile, `${lines.join('\n')}\n`, { mode: 0o600 });
}

/** Makes a running Valkey read its users again. */
export async function reloadValkeyUsers(administration: DatastoreAdministration): Promise<void> {
  const client = new Redis(administration.valkeyUrl, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.call('ACL', 'LOAD');
  } finally {
    client.disconnect();
  }
}

function servicePassword(service: string, administration: DatastoreAdministration): string {
  return createHmac('sha256', administration.servicesSecret).update(service).digest('hex');
}
