import type { ClickHouseClient } from '@clickhouse/client';
import { STATEMENTS } from './tables.js';

/**
 * Brings the schema of database `dotline` up to date; several collectors may do so at once. The
 * client must not name `dotline` as its database, because that may not exist yet.
 * @throws ClickHouseError, or the connection's error
 */
export async function migrate(client: ClickHouseClient): Promise<void> {
  for (const query of STATEMENTS) await client.command({ query });
}
