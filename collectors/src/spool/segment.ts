import { TABLE_COLUMNS, type TableName, type TableRows } from '../otlp/table-rows.js';

/** Many requests' rows, which go into ClickHouse as one insert per table. Never changes once made. */
export interface Segment {
  /** Deduplication token of its inserts. */
  readonly id: string;
  /** Tokens of the requests in it. */
  readonly requests: readonly string[];
  readonly tables: readonly TableRows[];
}

/** A segment's file cannot be read. */
export class SegmentError extends Error {
  override readonly name = 'SegmentError';
}

interface Header {
  readonly requests: readonly string[];
  readonly tables: readonly { table: TableName; rows: number; bytes: number }[];
}

/** A segment as a file: a line of JSON that says what follows, then the tables' lines. */
export function encodeSegment(segment: Segment): Buffer {
  return Buffer.concat([header(segment), ...segment.tables.map(({ text }) => Buffer.from(text))]);
}

/** Length of the first line of a segment's file. */
export function headerBytes(segment: Segment): number {
  return header(segment).length;
}

function header({ requests, tables }: Segment): Buffer {
  const content: Header = {
    requests,
    tables: tables.map(({ table, rows, text }) => ({
      table,
      rows,
      bytes: Buffer.byteLength(text),
    })),
  };
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

/** Reads what {@link encodeSegment} wrote. @throws SegmentError */
export function decodeSegment(id: string, file: Buffer): Segment {
  const { requests, tables, end } = readHeader(id, file);
  let offset = end;
  const read = tables.map(({ table, rows, bytes }) => {
    const body = file.subarray(offset, offset + bytes);
    offset += bytes;
    return { table, rows, text: body.toString('utf8') };
  });
  if (offset !== file.length) {
    throw new SegmentError(`${id} holds ${file.length} bytes where ${offset} are announced`);
  }
  return { id, requests, tables: read };
}

/** The request tokens of a segment's file, and where its header ends. @throws SegmentError */
export function readHeader(id: string, file: Buffer): Header & { end: number } {
  const end = file.indexOf('\n') + 1;
  try {
    const header: unknown = JSON.parse(file.subarray(0, end).toString('utf8'));
    if (isHeader(header)) return { ...header, end };
  } catch (error) {
    throw new SegmentError(`${id} has no readable header`, { cause: error });
  }
  throw new SegmentError(`${id} has no readable header`);
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { requests, tables } = value as Partial<Record<keyof Header, unknown>>;
  return (
    Array.isArray(requests) &&
    requests.every((request) => typeof request === 'string') &&
    Array.isArray(tables) &&
    tables.every(
      (entry) =>
        entry?.table in TABLE_COLUMNS &&
        Number.isInteger(entry.rows) &&
        Number.isInteger(entry.bytes),
    )
  );
}
