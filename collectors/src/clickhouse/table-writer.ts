import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { TABLE_COLUMNS, type TableRows } from '../otlp/table-rows.js';

/** ClickHouse will never take these rows; trying again does not help. */
export class RefusedRows extends Error {
  override readonly name = 'RefusedRows';
}

/**
 * Codes that say that the rows themselves cannot be read. Every other failure (connection, memory, too
 * many parts, a table that is still missing) may pass, so it is tried again.
 */
const FINAL_CODES = new Set([
  '6', // CANNOT_PARSE_TEXT
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '33', // CANNOT_READ_ALL_DATA
  '38', // CANNOT_PARSE_DATE
  '41', // CANNOT_PARSE_DATETIME
  '53', // TYPE_MISMATCH
  '72', // CANNOT_PARSE_NUMBER
  '117', // INCORRECT_DATA
  '130', // CANNOT_READ_ARRAY_FROM_TEXT
  '691', // UNKNOWN_ELEMENT_OF_ENUM
]);

/**
 * - The token makes a repeated insert a no-op, and asynchronous inserts know no tokens.
 * - A repeat goes on to the materialized views even when the table has the rows already: the server may
 *   have died between the table and its views, whose targets know the token too.
 * - One thread reads the rows, so that a repeat is cut into the same blocks.
 */
const EXACTLY_ONCE = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  input_format_parallel_parsing: 0,
  max_insert_threads: '1',
} as const;

/**
 * Inserts rows; calling again with the same token and rows changes nothing.
 * @throws RefusedRows when ClickHouse can never take them
 * @throws ClickHouseError, or the connection's error, when it may take them later
 */
export async function insertOnce(
  client: ClickHouseClient,
  { table, text }: TableRows,
  token: string,
): Promise<void> {
  const [first, ...others] = TABLE_COLUMNS[table];
  try {
    await client.insert({
      table: `dotline.${table}`,
      columns: [first, ...others],
      format: 'TabSeparated',
      values: Readable.from([text], { objectMode: false }),
      clickhouse_settings: { ...EXACTLY_ONCE, insert_deduplication_token: token },
    });
  } catch (error) {
    if (error instanceof ClickHouseError && FINAL_CODES.has(error.code)) {
      throw new RefusedRows(`${table}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
