import type { AccessLogDefect } from './access-log-row.js';
import type { TableName, TableRows } from './table-rows.js';

/** Why a record was dropped. */
export type RejectReason = `access_log_${AccessLogDefect}` | 'span_id';

/** A request's bytes are no message of its signal; sending them again does not help. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest';
}

/** What a request holds, as lines of tables. */
export class DecodedRequest {
  readonly #lines = new Map<TableName, string[]>();
  readonly #rejected = new Map<RejectReason, number>();
  /** Records whose time was corrected. */
  clamped = 0;
  /** Claims that the peer's certificate contradicts. */
  contradicted = 0;

  add(table: TableName, line: string): void {
    const lines = this.#lines.get(table);
    if (lines === undefined) this.#lines.set(table, [line]);
    else lines.push(line);
  }

  reject(reason: RejectReason): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
  }

  /** Records dropped, by reason. */
  get rejected(): ReadonlyMap<RejectReason, number> {
    return this.#rejected;
  }

  get tables(): TableRows[] {
    return [...this.#lines].map(([table, lines]) => ({
      table,
      rows: lines.length,
      text: lines.join(''),
    }));
  }
}
