import type { RequestHandler } from 'express';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { routePattern } from './route-pattern.js';

/** What Prometheus sees of the page server. */
export class PageServerMetrics {
  readonly registry = new Registry();
  readonly #requests = new Histogram({
    name: 'dotline_page_server_request_seconds',
    help: 'Time to answer, by route and status',
    labelNames: ['route', 'status'] as const,
    buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [this.registry],
  });
  readonly #readings = new Counter({
    name: 'dotline_page_server_readings_total',
    help: 'Readings of the stores for all pages together, by store and outcome',
    labelNames: ['store', 'outcome'] as const,
    registers: [this.registry],
  });

  constructor() {
    // By default the lag of the event loop is looked at a hundred times a second.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 });
  }

  /** @param pages how many pages listen to events */
  countPages(pages: () => number): void {
    new Gauge({
      name: 'dotline_page_server_pages',
      help: 'Pages that listen to events',
      registers: [this.registry],
      collect() {
        this.set(pages());
      },
    });
  }

  /** Counts a reading and passes on what it gave. */
  async counted<T>(store: 'postgresql' | 'clickhouse', read: Promise<T>): Promise<T> {
    try {
      const value = await read;
      this.#readings.inc({ store, outcome: 'success' });
      return value;
    } catch (error) {
      this.#readings.inc({ store, outcome: 'failure' });
      throw error;
    }
  }

  /** Times every answer; streams are left out, they have no end of their own. */
  readonly timed: RequestHandler = (request, response, next) => {
    const end = this.#requests.startTimer();
    response.once('finish', () => {
      // The route's pattern, not the path: names must not become labels.
      const route = routePattern(request, response) ?? 'files';
      if (route !== '/api/events') end({ route, status: String(response.statusCode) });
    });
    next();
  };
}
