import type { ClickHouseClient } from '@clickhouse/client';
import { inSpan, inStoreSpan } from '@dotline/platform-process/span';
import type { Span } from '@opentelemetry/api';
import type pg from 'pg';
import { countEvents } from './indicator-query.js';
import { ensureIndicatorRollup } from './indicator-rollup.js';
import { type LiveObjectives, LiveObjectivesReader } from './live-objectives.js';
import { migrate } from './migrate.js';
import { evaluateObjective, type ObjectiveEvaluation } from './objective-evaluation.js';
import { type AlertTransition, writeEvaluations } from './objective-status-store.js';

/** The stores' names in spans. */
const SYSTEMS = { PostgreSQL: 'postgresql', ClickHouse: 'clickhouse' } as const;

/** What the evaluator could not reach, and why. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';

  constructor(
    readonly store: 'PostgreSQL' | 'ClickHouse',
    cause: unknown,
  ) {
    super(`${store}: ${reasonOf(cause)}`, { cause });
  }
}

/** One evaluation of all objectives of the live revision. */
export interface Evaluation {
  readonly live: LiveObjectives;
  readonly evaluations: readonly ObjectiveEvaluation[];
  readonly transitions: readonly AlertTransition[];
}

/** Evaluates the live revision's objectives when told to; keeps nothing that is not in the stores. */
export class Evaluator {
  readonly #database: pg.Pool;
  readonly #clickhouse: ClickHouseClient;
  readonly #liveObjectives: LiveObjectivesReader;
  #migrated = false;
  #rollupSinceMs: number | undefined;

  constructor(database: pg.Pool, clickhouse: ClickHouseClient) {
    this.#database = database;
    this.#clickhouse = clickhouse;
    this.#liveObjectives = new LiveObjectivesReader(database);
  }

  /**
   * Counts, judges and keeps. The rollup is created with the first call, whether or not there is a
   * revision already, so that it misses as little as possible.
   * @returns `undefined` before the first revision
   * @throws StoreUnavailable; what was kept before stays
   */
  evaluate(nowMs: number): Promise<Evaluation | undefined> {
    return inSpan('evaluate objectives', {}, (span) => this.#evaluate(nowMs, span));
  }

  async #evaluate(nowMs: number, span: Span): Promise<Evaluation | undefined> {
    const sinceMs = await this.#rollupSince(nowMs);
    const live = await reach('PostgreSQL', 'read objectives', () => this.#live());
    if (live === undefined) return undefined;
    const { objectives, revisionId } = live;
    span.setAttributes({
      'dotline.revision': revisionId,
      'dotline.objectives': objectives.length,
    });
    const counts = await reach('ClickHouse', 'count events', () =>
      countEvents(this.#clickhouse, objectives, { nowMs, sinceMs }),
    );
    const evaluations = objectives.map((objective) =>
      evaluateObjective(objective, counts.get(objective.name) ?? new Map()),
    );
    const transitions = await reach('PostgreSQL', 'keep evaluations', () =>
      writeEvaluations(this.#database, revisionId, evaluations, nowMs),
    );
    span.setAttribute('dotline.transitions', transitions.length);
    return { live, evaluations, transitions };
  }

  async #rollupSince(nowMs: number): Promise<number> {
    this.#rollupSinceMs ??= await reach('ClickHouse', 'ensure rollup', () =>
      ensureIndicatorRollup(this.#clickhouse, nowMs),
    );
    return this.#rollupSinceMs;
  }

  async #live(): Promise<LiveObjectives | undefined> {
    if (!this.#migrated) await migrate(this.#database);
    this.#migrated = true;
    return this.#liveObjectives.read();
  }
}

async function reach<T>(
  store: StoreUnavailable['store'],
  what: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await inStoreSpan(SYSTEMS[store], what, action);
  } catch (error) {
    throw new StoreUnavailable(store, error);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node reports a refused connection to a name with several addresses as an AggregateError without words.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error.message.split('\n')[0] || error.name;
}
