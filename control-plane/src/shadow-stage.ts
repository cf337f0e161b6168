import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@dotline/model/revision';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { AuditEvent } from './audit-event.js';
import { readInstances } from './instance-store.js';
import type { LiveRevision } from './revision-store.js';
import { ShadowError } from './shadow-error.js';
import { type ShadowProgress, shadowProgress } from './shadow-progress.js';
import { type ShadowRequest, stagedRevision } from './shadow-request.js';
import { clearStaged, readStaged, type StagedRevision, writeStaged } from './shadow-store.js';
import { readSidecars } from './sidecar-store.js';
import type { StepOutcome } from './step-outcome.js';

/** How long whoever stages a revision waits until all sidecars that are up judge by it. */
const ANSWER_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 100;

/** Answer of `PUT /v1/shadow`. */
export interface ShadowAnswer extends ShadowProgress {
  readonly revision: string;
  readonly live: string;
}

interface Parts {
  readonly pool: pg.Pool;
  readonly live: () => LiveRevision | undefined;
  /** Has sidecars judge by a revision, or by none; says how those took it that are connected here. */
  readonly place: (staged: Revision | undefined) => Promise<StepOutcome>;
  /** What is staged has become another. */
  readonly changed: () => void;
  readonly audited: (event: AuditEvent) => void;
  readonly log: Logger;
}

/**
 * The revision that is judged beside the live one; at most one. PostgreSQL has the truth, so it outlives
 * this process, and every replica follows it. Changes are taken one after the other.
 */
export class ShadowStage {
  #current: StagedRevision | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #refreshQueued = false;

  constructor(private readonly parts: Parts) {}

  /**
   * Stages a revision in place of any other, and waits a little until sidecars judge by it.
   * @throws ShadowError, or the error of PostgreSQL
   */
  async start(request: ShadowRequest): Promise<ShadowAnswer> {
    const live = this.#live();
    const revision = stagedRevision(request, live);
    const { name, relations } = request;
    const staged = { revision, relations, name, startedAtMs: Date.now() };
    await this.#inTurn(() => this.#stage(staged));
    this.#audit('revision-staged', revision.id, request.by, name);
    this.parts.log.info({ staged: revision.id, name }, `revision ${revision.id} is staged`);
    const progress = await this.#progress(staged);
    return { revision: revision.id, live: this.#live().id, ...progress };
  }

  /** Returns the id of the revision that is no longer judged. @throws the error of PostgreSQL */
  stop(by?: string): Promise<string | undefined> {
    return this.#inTurn(async () => {
      const stopped = await readStaged(this.parts.pool, this.#current);
      await clearStaged(this.parts.pool);
      await this.#take(undefined);
      this.parts.changed();
      if (stopped === undefined) return undefined;
      this.#audit('revision-unstaged', stopped.revision.id, by, stopped.name);
      return stopped.revision.id;
    });
  }

  /** Takes over what another replica staged, and after a start what was. */
  async refresh(): Promise<void> {
    if (this.#refreshQueued) return;
    this.#refreshQueued = true;
    await this.#inTurn(async () => {
      this.#refreshQueued = false;
      await this.#take(await readStaged(this.parts.pool, this.#current));
    });
  }

  /** Sidecars see it before it is stored, so that one which they refuse is never staged. */
  async #stage(staged: StagedRevision): Promise<void> {
    const before = this.#current;
    const outcome = await this.#take(staged);
    if (outcome === 'rejected') {
      await this.#take(before);
      throw new ShadowError(
        422,
        'a sidecar refuses to judge by it: see dotline proxy status and the log',
      );
    }
    try {
      await writeStaged(this.parts.pool, staged);
    } catch (error) {
      await this.#take(before);
      throw error;
    }
    this.parts.changed();
  }

  async #take(staged: StagedRevision | undefined): Promise<StepOutcome> {
    if (staged === this.#current) return 'held';
    this.#current = staged;
    return this.parts.place(staged?.revision);
  }

  async #progress(staged: StagedRevision): Promise<ShadowProgress> {
    const untilMs = Date.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const { pool } = this.parts;
      const [registered, sidecars] = await Promise.all([readInstances(pool), readSidecars(pool)]);
      const instances = registered.map(({ instance }) => instance);
      const progress = shadowProgress(this.#live(), staged, instances, sidecars);
      if (progress.judging === progress.concerned || Date.now() > untilMs) return progress;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #audit(
    action: 'revision-staged' | 'revision-unstaged',
    revision: string,
    by: string | undefined,
    name: string,
  ): void {
    const actor = { kind: 'operator', name: by ?? 'unnamed' } as const;
    this.parts.audited({ actor, action, subject: { revision }, details: { name } });
  }

  #live(): Revision {
    const live = this.parts.live();
    if (live === undefined) throw new ShadowError(503, 'no revision is live yet');
    return live.revision;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
