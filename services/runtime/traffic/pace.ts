import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Logger } from '../logger.js';
import type { Counts } from './counts.js';
import type { Crowd } from './crowd.js';
import { JourneyEnded } from './phone.js';

/** A rare long pause is cut here, so that a low rate is seen to work. */
const PAUSE_MS_MAX = 60_000;
const tracer = trace.getTracer('traffic');

/**
 * One journey; an error that is not JourneyEnded, unless `signal` has aborted, is a fault of the app.
 * @returns how it ended
 */
export type Travel<Traveller> = (traveller: Traveller, signal: AbortSignal) => Promise<string>;

/** Starts journeys at random moments with a steady mean rate, as people do. */
export class Pace<Traveller> {
  readonly #closing = new AbortController();
  readonly #journeys = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: {
      readonly journeysPerSecond: number;
      readonly journeysAtOnceMax: number;
      readonly journeysMax: number;
    },
    private readonly crowd: Crowd<Traveller>,
    private readonly travel: Travel<Traveller>,
    private readonly counts: Counts,
    private readonly log: Logger,
  ) {}

  /** Starts the first journey soon, and each later one after a random pause. */
  start(started = 0): void {
    const { journeysPerSecond, journeysMax } = this.settings;
    if (this.#closing.signal.aborted || journeysPerSecond === 0 || started >= journeysMax) return;
    const pauseMs = (-Math.log(1 - Math.random()) / journeysPerSecond) * 1000;
    this.#timer = setTimeout(
      () => {
        this.#depart();
        this.start(started + 1);
      },
      Math.min(pauseMs, PAUSE_MS_MAX),
    );
  }

  /** Ends every journey where it is. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await Promise.all(this.#journeys);
  }

  #depart(): void {
    const traveller =
      this.#journeys.size < this.settings.journeysAtOnceMax ? this.crowd.depart() : undefined;
    if (traveller === undefined) {
      this.counts.journey('skipped');
      return;
    }
    const travelling = this.#count(traveller).finally(() => {
      this.crowd.arrive(traveller);
      this.#journeys.delete(travelling);
    });
    this.#journeys.add(travelling);
  }

  async #count(traveller: Traveller): Promise<void> {
    await tracer.startActiveSpan('journey', async (span) => {
      try {
        const end = await this.travel(traveller, this.#closing.signal);
        span.setAttribute('journey.end', end);
        this.counts.journey(end);
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
        if (error instanceof JourneyEnded) this.counts.journey(error.where);
        else if (this.#closing.signal.aborted) this.counts.journey('closed');
        else {
          this.counts.journey('error');
          this.log.error({ err: error }, 'journey failed');
        }
      } finally {
        span.end();
      }
    });
  }
}
