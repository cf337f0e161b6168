import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type AuditEvent, CONTROL_PLANE } from './audit-event.js';
import { appendAudit } from './audit-store.js';
import { inTransaction, untilDatabaseAnswers } from './database.js';
import { SingleFlight } from './single-flight.js';

/** Events that wait while PostgreSQL is away; what comes then is counted, and the count is recorded. */
const WAITING_MAX = 1_000;
const CLOSE_MS_MAX = 2_000;
/** An entry that is written later than this after its event says when that was. */
const LATE_MS = 1_000;

/**
 * Puts events into the audit log that are not part of a change of PostgreSQL, one after the other. Nobody
 * waits for it; while PostgreSQL is away they wait in memory.
 */
export class AuditTrail {
  readonly #waiting: { readonly event: AuditEvent; readonly atMs: number }[] = [];
  #lost = 0;
  readonly #abort = new AbortController();
  readonly #writer = new SingleFlight(() => this.#write());

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: Logger,
  ) {}

  record(event: AuditEvent): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push({ event, atMs: Date.now() });
    void this.#writer.request();
  }

  /** Writes what waits, for two seconds at most. */
  async close(): Promise<void> {
    const timer = new AbortController();
    const tooLong = sleep(CLOSE_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.#writer.request(), tooLong]);
    timer.abort();
    this.#abort.abort();
    await this.#writer.close();
  }

  async #write(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const outcome = await this.#append(withTime(next.event, next.atMs));
      if (outcome === 'aborted') return;
      if (outcome === 'refused') this.#lost += 1;
      this.#waiting.shift();
    }
    if (this.#lost === 0) return;
    const lost = this.#lost;
    const event = {
      actor: CONTROL_PLANE,
      action: 'events-lost',
      details: { events: lost },
    } as const;
    if ((await this.#append(event)) === 'written') this.#lost -= lost;
  }

  async #append(event: AuditEvent): Promise<'written' | 'refused' | 'aborted'> {
    try {
      await untilDatabaseAnswers('writing the audit log', this.log, this.#abort.signal, () =>
        inTransaction(this.pool, (client) => appendAudit(client, event)),
      );
      return 'written';
    } catch (error) {
      if (this.#abort.signal.aborted) return 'aborted';
      // It would never be taken, so it must not hold up what comes after it.
      this.log.error({ err: error, event }, 'an event is not in the audit log');
      return 'refused';
    }
  }
}

function withTime(event: AuditEvent, atMs: number): AuditEvent {
  if (Date.now() - atMs < LATE_MS) return event;
  return { ...event, details: { ...event.details, happenedAt: new Date(atMs).toISOString() } };
}
