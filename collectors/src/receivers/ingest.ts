import { createHash } from 'node:crypto';
import { RefusedRows } from '../clickhouse/table-writer.js';
import type { CollectorMetrics } from '../collector-metrics.js';
import { type DecodedRequest, MalformedRequest } from '../otlp/decoded-request.js';
import type { Signal } from '../otlp/signal.js';
import type { Peer } from '../peer/peer.js';
import type { Spool } from '../spool/spool.js';
import { NotStoredYet, NotTaken } from '../spool/spool-error.js';

/** Largest message after decompression, that of OTLP's own collectors. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** What a sender is told; both receivers put it into their protocol's words. */
export type Outcome =
  | { readonly kind: 'stored'; readonly response: Uint8Array }
  /** Never send it again. */
  | { readonly kind: 'malformed'; readonly message: string }
  /** Send the same bytes again, after a pause. */
  | { readonly kind: 'later'; readonly message: string };

/** From a request's bytes to ClickHouse. */
export class Ingest {
  readonly #spool: Pick<Spool, 'submit'>;
  readonly #metrics: CollectorMetrics;

  constructor(spool: Pick<Spool, 'submit'>, metrics: CollectorMetrics) {
    this.#spool = spool;
    this.#metrics = metrics;
  }

  /** Takes one request; the outcome `stored` means that ClickHouse has its rows. */
  async take(signal: Signal, bytes: Buffer, peer: Peer): Promise<Outcome> {
    const outcome = await this.#attempt(signal, bytes, peer);
    this.#metrics.requests.inc({ signal: signal.name, outcome: outcome.kind });
    return outcome;
  }

  async #attempt(signal: Signal, bytes: Buffer, peer: Peer): Promise<Outcome> {
    try {
      const request = signal.decode(bytes, peer, BigInt(Date.now()) * 1_000_000n);
      const tables = request.tables;
      if (tables.length > 0) {
        const token = requestToken(signal, bytes, peer);
        const { repeated } = await this.#spool.submit({ token, peer: peer.id, tables });
        if (repeated) this.#metrics.repeatedRequests.inc({ signal: signal.name });
        else this.#count(request);
      } else {
        this.#count(request);
      }
      return { kind: 'stored', response: signal.response(sum(request.rejected.values())) };
    } catch (error) {
      if (error instanceof MalformedRequest || error instanceof RefusedRows) {
        return { kind: 'malformed', message: error.message };
      }
      if (error instanceof NotTaken) this.#metrics.notTaken.inc({ reason: error.reason });
      else if (!(error instanceof NotStoredYet)) throw error;
      return { kind: 'later', message: error.message };
    }
  }

  #count(request: DecodedRequest): void {
    for (const { table, rows } of request.tables) this.#metrics.receivedRows.inc({ table }, rows);
    for (const [reason, records] of request.rejected) {
      this.#metrics.rejectedRecords.inc({ reason }, records);
    }
    this.#metrics.clampedTimes.inc(request.clamped);
    this.#metrics.contradictedClaims.inc(request.contradicted);
  }
}

/** The same for a request that is sent again, different for any other. */
function requestToken(signal: Signal, bytes: Buffer, peer: Peer): string {
  return createHash('sha256').update(`${signal.name}\n${peer.id}\n`).update(bytes).digest('hex');
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
