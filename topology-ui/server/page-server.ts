import type { ClickHouseClient } from '@clickhouse/client';
import { inStoreSpan } from '@dotline/platform-process/span';
import express, { type Express, type Router } from 'express';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { StatusView } from './api.js';
import { answerProblems, unknownPath } from './api-error.js';
import { apiRoutes } from './api-routes.js';
import { changeRoutes } from './change-routes.js';
import { decisionRoutes } from './decision-routes.js';
import { EventStream } from './event-stream.js';
import { readLiveTraffic } from './live-traffic.js';
import { MeshHints } from './mesh-hints.js';
import { MeshPicture } from './mesh-picture.js';
import { MeshStructureReader } from './mesh-structure.js';
import { pageFiles, securityHeaders } from './page-files.js';
import type { PageServerMetrics } from './page-server-metrics.js';
import { previewRoutes } from './preview-routes.js';
import { recordRoutes } from './record-routes.js';
import { traced } from './request-span.js';
import { RevisionEnforcement } from './revision-enforcement.js';
import { rolloutRoutes } from './rollout-routes.js';
import { shadowRoutes } from './shadow-routes.js';
import { StructureFeed } from './structure-feed.js';
import { TrafficFeed } from './traffic-feed.js';
import { usageRoutes } from './usage-routes.js';

/** An objective that nobody has evaluated for this long has nobody who does. */
const EVALUATION_STALE_MS = 60_000;

/** What the page server is made of. */
export interface PageServerParts {
  readonly database: pg.Pool;
  readonly clickhouse: ClickHouseClient;
  readonly redisUrl: string;
  /** Folder of the built page. */
  readonly pageDirectory: string;
  readonly metrics: PageServerMetrics;
  readonly log: Logger;
}

/** The page, its API and its events; needs an HTTP server around `app`. */
export class PageServer {
  readonly app: Express;
  readonly #events = new EventStream();
  readonly #structure: StructureFeed;
  readonly #traffic: TrafficFeed;
  readonly #hints: MeshHints;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor({ database, clickhouse, redisUrl, pageDirectory, metrics, log }: PageServerParts) {
    metrics.countPages(() => this.#events.size);
    const reader = new MeshStructureReader(database);
    this.#structure = new StructureFeed(
      () => metrics.counted('postgresql', reader.read()),
      () => this.#sendGraph(picture),
    );
    this.#traffic = new TrafficFeed(
      (nowMs) =>
        metrics.counted(
          'clickhouse',
          inStoreSpan('clickhouse', 'read live traffic', () => readLiveTraffic(clickhouse, nowMs)),
        ),
      () => this.#events.size,
      () => this.#events.send('traffic', picture.lastTraffic()),
    );
    this.#hints = new MeshHints(redisUrl, () => this.#structure.hint());
    const picture = new MeshPicture(this.#structure, this.#traffic, clickhouse, () =>
      this.#unavailable(),
    );
    const enforcement = new RevisionEnforcement(database, this.#structure);
    const changes = changeRoutes(this.#structure, clickhouse);
    const usage = usageRoutes(this.#structure, database, clickhouse);
    const shadow = shadowRoutes(database, this.#structure, clickhouse);
    const records = recordRoutes(database);
    const decisions = decisionRoutes(clickhouse);
    const previews = previewRoutes(database);
    const api = apiRoutes(picture, enforcement, this.#events);
    const rollout = rolloutRoutes(this.#structure);
    this.app = this.#makeApp(
      [records, previews, changes, usage, shadow, decisions, rollout, api],
      metrics,
      pageDirectory,
      log,
    );
  }

  /** Begins to read. */
  start(): void {
    const { signal } = this.#stop;
    this.#running = Promise.all([this.#structure.run(signal), this.#traffic.run(signal)]);
  }

  /** Lets the pages go and ends reading. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#events.close();
    this.#hints.close();
    await this.#running;
  }

  #makeApp(
    api: readonly Router[],
    metrics: PageServerMetrics,
    pageDirectory: string,
    log: Logger,
  ): Express {
    const app = express();
    app.disable('x-powered-by');
    app.use(securityHeaders, metrics.timed);
    app.get('/healthz', (_request, response) => {
      const unavailable = this.#unavailable();
      response.json({ status: unavailable.length === 0 ? 'ok' : 'degraded', unavailable });
    });
    app.get('/metrics', async (_request, response) => {
      response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    });
    app.use(traced);
    app.use('/api', ...api);
    app.use(pageFiles(pageDirectory));
    app.use(unknownPath);
    app.use(answerProblems((error) => log.error({ err: error }, 'an answer failed')));
    return app;
  }

  #sendGraph(picture: MeshPicture): void {
    if (this.#structure.current?.live === undefined) return;
    this.#events.send('graph', picture.lastGraph());
  }

  #unavailable(): StatusView['unavailable'] {
    const evaluatedAtMs = this.#structure.current?.objectives[0]?.evaluatedAtMs;
    const silentMs = evaluatedAtMs === undefined ? 0 : Date.now() - evaluatedAtMs;
    const parts = [
      { part: 'PostgreSQL', reason: this.#structure.problem },
      { part: 'Valkey', reason: this.#hints.problem },
      { part: 'ClickHouse', reason: this.#traffic.failure },
      {
        part: 'SLO evaluator',
        reason:
          silentMs > EVALUATION_STALE_MS
            ? `evaluated last ${Math.round(silentMs / 1000)} s ago`
            : null,
      },
    ];
    return parts.flatMap(({ part, reason }) => (reason === null ? [] : [{ part, reason }]));
  }
}
