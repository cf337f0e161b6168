import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Logger } from '../../runtime/logger.js';
import type { Counts } from './counts.js';
import { Journey } from './journey.js';
import { JourneyEnded, type Phone } from './phone.js';
import type { Riders } from './riders.js';

/** A rare long pause is cut here, so that a low rate is seen to work. */
const PAUSE_MS_MAX = 60_000;
const tracer = trace.getTracer('rider-app');

/** Starts journeys at random moments with a steady mean rate, as people do. */
export class Pace {
  readonly #closing = new AbortController();
  readonly #journeys = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: {
      readonly journeysPerSecond: number;
      readonly journeysAtOnceMax: number;
      readonly journeysMax: number;
      readonly thinkMs: number;
    },
    private readonly riders: Riders,
    private readonly phone: Phone,
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
    const rider =
      this.#journeys.size < this.settings.journeysAtOnceMax ? this.riders.depart() : undefined;
    if (rider === undefined) {
      this.counts.journey('skipped');
      return;
    }
    const { signal } = this.#closing;
    const journey = new Journey(this.phone, rider, this.settings.thinkMs, signal);
    const travelling = this.#travel(journey).finally(() => {
      this.riders.arrive(rider);
      this.#journeys.delete(travelling);
    });
    this.#journeys.add(travelling);
  }

  async #travel(journey: Journey): Promise<void> {
    await tracer.startActiveSpan('journey', async (span) => {
      try {
        const end = await journey.run();
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
