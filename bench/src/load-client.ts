import { type Answer, LineProcess, LineProcessError } from './line-process.js';
import { type Spread, spread } from './quantiles.js';

export interface SidecarGroup {
  readonly prefix: string;
  readonly suffix?: string;
  readonly first: number;
  readonly count: number;
  readonly cluster: string;
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    readonly bundle: string;
    readonly serverName: string;
  };
}

/** Who connects, and what each asks for besides the endpoints of its clusters. */
export interface Fleet {
  readonly groups: readonly SidecarGroup[];
  readonly wildcards: readonly string[];
  readonly named?: Readonly<Record<string, readonly string[]>>;
  readonly edsPrefix?: string;
  readonly edsExcept?: string;
}

/** How a change came to the streams: ms since it was asked for. */
export interface Arrival {
  /** For each stream, when the change was there. */
  readonly ms: readonly number[];
  /** For each stream, when its first response came, be it this change or one before it. */
  readonly firstMs: readonly number[];
  readonly lastAckMs: number;
}

/** What all streams together received. */
export interface Traffic {
  readonly responses: number;
  readonly bytes: number;
  readonly resources: number;
  readonly removed: number;
  /** Streams that broke. */
  readonly broken: number;
}

const answerMs = 10_000;

/** The process that plays the sidecars. */
export class LoadClient {
  readonly #process: LineProcess;

  constructor(program: string, { breaksAreExpected = false } = {}) {
    this.#process = new LineProcess('the load client', [program], (answer) => {
      if (answer.event === 'failed' || (answer.event === 'broken' && !breaksAreExpected)) {
        process.stderr.write(`load client: ${JSON.stringify(answer)}\n`);
      }
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Connects all at once; resolves when each has what it asked for, with the ms until then. */
  async connect(target: string, fleet: Fleet, timeoutMs: number): Promise<Spread> {
    const answer = await this.#process.ask(
      JSON.stringify({ do: 'connect', target, ...fleet }),
      'synced',
      timeoutMs,
    );
    const start = numberOf(answer, 'startNs');
    return spread(numbersOf(answer, 'atNs').map((at) => (at - start) / 1e6));
  }

  /**
   * Waits until a response with these bytes has come to so many streams.
   * @param act makes the change; the clock starts when it is called. When it fails, so does this.
   */
  async measure(
    marker: Uint8Array,
    streams: number,
    timeoutMs: number,
    act: () => void | Promise<void>,
  ): Promise<Arrival> {
    await this.#process.ask(
      JSON.stringify({ do: 'expect', streams, marker: Buffer.from(marker).toString('base64') }),
      'expecting',
      answerMs,
    );
    const arrived = this.#process.next('arrived', timeoutMs);
    const start = Number(process.hrtime.bigint());
    const [answer] = await Promise.all([arrived, act()]);
    const since = (at: number) => (at - start) / 1e6;
    return {
      ms: numbersOf(answer, 'atNs').map(since),
      firstMs: numbersOf(answer, 'firstNs').map(since),
      lastAckMs: since(numberOf(answer, 'lastAckNs')),
    };
  }

  /** What came since this was last asked. */
  async take(): Promise<Traffic> {
    const answer = await this.#process.ask('{"do":"take"}', 'received', answerMs);
    return {
      responses: numberOf(answer, 'responses'),
      bytes: numberOf(answer, 'bytes'),
      resources: numberOf(answer, 'resources'),
      removed: numberOf(answer, 'removed'),
      broken: numberOf(answer, 'broken'),
    };
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

function numberOf(answer: Answer, key: string): number {
  const value = answer[key];
  if (typeof value !== 'number') {
    throw new LineProcessError('the load client', `gave no number "${key}"`);
  }
  return value;
}

function numbersOf(answer: Answer, key: string): number[] {
  const value = answer[key];
  if (!Array.isArray(value)) {
    throw new LineProcessError('the load client', `gave no list "${key}"`);
  }
  return value.map(Number);
}
