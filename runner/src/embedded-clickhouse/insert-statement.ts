import type { RawInsertFormat } from 'chdb';

/** An insert whose data the engine reads as bytes, without a copy into a JavaScript string. */
export interface RawInsert {
  readonly table: string;
  readonly columns: readonly string[] | undefined;
  readonly format: RawInsertFormat;
}

const FORMATS: readonly RawInsertFormat[] = [
  'JSONEachRow',
  'JSONCompactEachRow',
  'CSV',
  'CSVWithNames',
  'TabSeparated',
  'TabSeparatedWithNames',
  'TSV',
  'TSVWithNames',
];

const PLAIN_INSERT =
  /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([A-Za-z0-9_.]+)\s*(?:\(([^()]*)\))?\s*FORMAT\s+([A-Za-z]+)\s*;?\s*$/i;

/**
 * Reads `INSERT INTO table [(columns)] FORMAT format`; `undefined` for every other shape (which then
 * runs as text).
 */
export function parseRawInsert(text: string): RawInsert | undefined {
  const [, table, columnList, formatName] = PLAIN_INSERT.exec(text) ?? [];
  const format = FORMATS.find((known) => known === formatName);
  if (table === undefined || format === undefined) return undefined;
  const columns = columnList?.split(',').map((column) => column.trim().replaceAll(/[`"]/g, ''));
  const plain = columns?.every((column) => /^[A-Za-z0-9_.]+$/.test(column)) ?? true;
  return plain ? { table, columns, format } : undefined;
}
