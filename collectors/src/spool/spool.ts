import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedRows } from '../clickhouse/table-writer.js';
import type { TableName, TableRows } from '../otlp/table-rows.js';
import { RequestLedger } from './request-ledger.js';
import type { Segment } from './segment.js';
import type { SegmentStore } from './segment-store.js';
import { NotStoredYet, NotTaken } from './spool-error.js';

/** Bounds and paces of a spool. */
export interface SpoolBounds {
  /** How long requests are gathered into one insert. */
  readonly gatherMs: number;
  /** Gathering ends early at this size. */
  readonly gatherBytesMax: number;
  /** What was gathered while another segment was under way is cut at this size. */
  readonly segmentBytesMax: number;
  readonly pendingBytesMax: number;
  readonly pendingRequestsMax: number;
  /** Share of the pending bytes that one peer may take. */
  readonly peerShare: number;
  /** How long a request waits for ClickHouse before its sender is told to come back. */
  readonly waitMs: number;
  /** How long a stored request is remembered; longer than anybody repeats one. */
  readonly rememberMs: number;
}

/** Bounds for one collector. Envoy gives up a batch after 30 s, OTLP SDKs after 10 s. */
export const DEFAULT_BOUNDS: SpoolBounds = {
  gatherMs: 1_000,
  gatherBytesMax: 8 * 1024 * 1024,
  segmentBytesMax: 8 * 1024 * 1024,
  pendingBytesMax: 64 * 1024 * 1024,
  pendingRequestsMax: 8_192,
  peerShare: 0.25,
  waitMs: 5_000,
  rememberMs: 600_000,
};

const STORED_TOKENS_MAX = 500_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

/** Where segments go. Must be safe to call again with the same token. */
export type InsertOnce = (rows: TableRows, token: string) => Promise<void>;

/** Told what happens to segments; each is called once per event. */
export interface SpoolEvents {
  stored(segment: Segment, seconds: number): void;
  retried(segment: Segment, error: unknown): void;
  refused(segment: Segment, error: RefusedRows): void;
  /** A file of an earlier process that cannot be read. */
  damaged(file: string): void;
}

/** One request's rows. */
export interface Submission {
  /** The same for the same request, different for all others. */
  readonly token: string;
  /** Whom the pending bytes are counted for. */
  readonly peer: string;
  readonly tables: readonly TableRows[];
}

interface Pending extends Submission {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Gathers requests into segments and puts each segment into ClickHouse exactly once.
 *
 * A segment is written to disk before it is first inserted and never changes, so every attempt to
 * insert it, also one after a crash, carries the same rows and the same token. Its file names the
 * requests in it, so a request that is sent again joins the segment that holds it, also after a crash.
 */
export class Spool {
  readonly #store: SegmentStore;
  readonly #insert: InsertOnce;
  readonly #bounds: SpoolBounds;
  readonly #events: SpoolEvents;
  readonly #ledger = new RequestLedger(STORED_TOKENS_MAX);
  readonly #peerBytes = new Map<string, number>();
  #gathering: Pending[] = [];
  #gatheringBytes = 0;
  #pendingBytes = 0;
  #pendingRequests = 0;
  #timer: NodeJS.Timeout | undefined;
  #delivering: Promise<void> = Promise.resolve();
  #busy = false;
  #stopping = false;
  #nextForgetMs = 0;

  private constructor(
    store: SegmentStore,
    insert: InsertOnce,
    events: SpoolEvents,
    bounds: SpoolBounds,
  ) {
    this.#store = store;
    this.#insert = insert;
    this.#events = events;
    this.#bounds = bounds;
  }

  /** Opens a spool on what an earlier process left, and goes on with its segments. */
  static async open(
    store: SegmentStore,
    insert: InsertOnce,
    events: SpoolEvents,
    bounds: SpoolBounds = DEFAULT_BOUNDS,
  ): Promise<Spool> {
    const spool = new Spool(store, insert, events, bounds);
    const { open, stored, damaged } = await store.recover();
    for (const file of damaged) events.damaged(file);
    for (const { requests, atMs } of stored) spool.#ledger.stored(requests, atMs);
    spool.#busy = open.length > 0;
    spool.#delivering = spool.#resume(open);
    return spool;
  }

  /** Requests and bytes that are not in ClickHouse yet. */
  get load(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#pendingRequests, bytes: this.#pendingBytes };
  }

  /**
   * Resolves when ClickHouse has the rows. `true`: the request was known already and added nothing.
   * @throws NotTaken when it may be sent again later
   * @throws NotStoredYet when it is safe, and sending it again waits for it
   * @throws RefusedRows when ClickHouse will never take it
   */
  async submit(submission: Submission): Promise<{ readonly repeated: boolean }> {
    const known = this.#ledger.find(submission.token);
    const settled = known ?? this.#take(submission);
    await this.#withinWait(settled);
    return { repeated: known !== undefined };
  }

  /** Puts what was taken into ClickHouse, as far as it goes; what is left stays on disk. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#deliverNow();
    await Promise.race([this.#delivering, sleep(this.#bounds.waitMs, undefined, { ref: false })]);
  }

  #take(submission: Submission): Promise<void> {
    const bytes = submission.tables.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    this.#refuseBeyondBounds(submission.peer, bytes);
    const settled = new Promise<void>((resolve, reject) => {
      this.#gathering.push({ ...submission, bytes, resolve, reject });
    });
    this.#ledger.begin(submission.token, settled);
    this.#gatheringBytes += bytes;
    this.#pendingBytes += bytes;
    this.#pendingRequests += 1;
    this.#peerBytes.set(submission.peer, (this.#peerBytes.get(submission.peer) ?? 0) + bytes);
    if (this.#gatheringBytes >= this.#bounds.gatherBytesMax) this.#deliverNow();
    else this.#timer ??= setTimeout(() => this.#deliverNow(), this.#bounds.gatherMs);
    return settled;
  }

  #refuseBeyondBounds(peer: string, bytes: number): void {
    const { pendingBytesMax, pendingRequestsMax, peerShare } = this.#bounds;
    if (this.#stopping) throw new NotTaken('stopping', 'The collector is stopping');
    if (
      this.#pendingBytes + bytes > pendingBytesMax ||
      this.#pendingRequests >= pendingRequestsMax
    ) {
      throw new NotTaken('queue_full', 'Too much waits for ClickHouse already');
    }
    if ((this.#peerBytes.get(peer) ?? 0) + bytes > pendingBytesMax * peerShare) {
      throw new NotTaken('peer_share', 'Too much of this sender waits for ClickHouse already');
    }
  }

  async #withinWait(settled: Promise<void>): Promise<void> {
    const timer = new AbortController();
    const late = sleep(this.#bounds.waitMs, undefined, { signal: timer.signal }).then(
      () => {
        throw new NotStoredYet('ClickHouse does not have the rows yet; send the same again');
      },
      () => undefined,
    );
    try {
      await Promise.race([settled, late]);
    } finally {
      timer.abort();
    }
  }

  /** One segment at a time: while ClickHouse is slow the next one grows, and inserts stay few. */
  #deliverNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#busy || this.#gathering.length === 0) return;
    this.#busy = true;
    this.#delivering = this.#deliverGathered().finally(() => this.#next());
  }

  #next(): void {
    this.#busy = false;
    if (this.#gathering.length === 0) return;
    if (this.#stopping || this.#gatheringBytes >= this.#bounds.gatherBytesMax) this.#deliverNow();
    else this.#timer ??= setTimeout(() => this.#deliverNow(), this.#bounds.gatherMs);
  }

  async #deliverGathered(): Promise<void> {
    const batch = this.#cut();
    const segment = segmentOf(batch);
    try {
      await this.#store.write(segment);
    } catch (error) {
      // Nothing was inserted, so a repeat is a new request.
      const reason = new NotTaken('disk', 'The spool cannot be written', { cause: error });
      this.#settle(batch, (pending) => pending.reject(reason));
      this.#events.retried(segment, error);
      return;
    }
    try {
      await this.#deliver(segment);
      this.#settle(batch, (pending) => pending.resolve());
    } catch (error) {
      this.#settle(batch, (pending) => pending.reject(error as Error));
    }
  }

  /** As many gathered requests as a segment may hold, at least one. */
  #cut(): Pending[] {
    let bytes = 0;
    let end = 0;
    for (const pending of this.#gathering) {
      if (end > 0 && bytes + pending.bytes > this.#bounds.segmentBytesMax) break;
      bytes += pending.bytes;
      end += 1;
    }
    this.#gatheringBytes -= bytes;
    return this.#gathering.splice(0, end);
  }

  #settle(batch: readonly Pending[], settle: (pending: Pending) => void): void {
    for (const pending of batch) {
      this.#pendingBytes -= pending.bytes;
      this.#pendingRequests -= 1;
      const left = (this.#peerBytes.get(pending.peer) ?? 0) - pending.bytes;
      if (left > 0) this.#peerBytes.set(pending.peer, left);
      else this.#peerBytes.delete(pending.peer);
      settle(pending);
    }
  }

  async #resume(segments: readonly Segment[]): Promise<void> {
    const waits = segments.map((segment) => {
      const { promise, resolve, reject } = deferred();
      promise.catch(() => undefined);
      for (const token of segment.requests) this.#ledger.begin(token, promise);
      return { segment, resolve, reject };
    });
    for (const { segment, resolve, reject } of waits) {
      await this.#deliver(segment).then(resolve, reject);
    }
    this.#next();
  }

  /**
   * Inserts a segment, however often it takes. Tables whose rows are refused do not hold up the others.
   * @throws RefusedRows
   */
  async #deliver(segment: Segment): Promise<void> {
    const startMs = performance.now();
    const left = new Set(segment.tables);
    let refusal: RefusedRows | undefined;
    for (
      let delayMs = RETRY_FIRST_MS;
      left.size > 0;
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
    ) {
      const failures: unknown[] = [];
      await Promise.all(
        [...left].map(async (rows) => {
          try {
            await this.#insert(rows, segment.id);
          } catch (error) {
            if (!(error instanceof RefusedRows)) return failures.push(error);
            refusal = error;
          }
          return left.delete(rows);
        }),
      );
      if (left.size === 0) break;
      this.#events.retried(segment, failures[0]);
      await sleep(delayMs, undefined, { ref: !this.#stopping });
    }
    if (refusal !== undefined) {
      await this.#store.markRefused(segment);
      this.#events.refused(segment, refusal);
      throw refusal;
    }
    this.#ledger.stored(segment.requests, Date.now());
    this.#events.stored(segment, (performance.now() - startMs) / 1000);
    await this.#noteStored(segment);
  }

  async #noteStored(segment: Segment): Promise<void> {
    try {
      await this.#store.markStored(segment);
      await this.#forget();
    } catch (error) {
      // The rows are in ClickHouse; a restart would insert them again, with the same token.
      this.#events.retried(segment, error);
    }
  }

  async #forget(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs < this.#nextForgetMs) return;
    this.#nextForgetMs = nowMs + this.#bounds.rememberMs / 10;
    this.#ledger.forget(nowMs - this.#bounds.rememberMs);
    await this.#store.forgetStored(nowMs - this.#bounds.rememberMs);
  }
}

/** Sorted by time of making, so that an earlier process's segments are inserted in their order. */
function segmentOf(batch: readonly Pending[]): Segment {
  const gathered = new Map<TableName, { rows: number; texts: string[] }>();
  for (const { table, rows, text } of batch.flatMap(({ tables }) => tables)) {
    const entry = gathered.get(table) ?? { rows: 0, texts: [] };
    entry.rows += rows;
    entry.texts.push(text);
    gathered.set(table, entry);
  }
  return {
    id: `${Date.now().toString().padStart(15, '0')}-${randomUUID()}`,
    requests: batch.map(({ token }) => token),
    tables: [...gathered].map(([table, { rows, texts }]) => ({
      table,
      rows,
      text: texts.join(''),
    })),
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (e: Error) => void } {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
