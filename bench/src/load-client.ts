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
  readonly ms: Spread;
  readonly firstMs: number;
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

  constructor(program: string) {
    this.#process = new LineProcess('the load client', [program], (answer) => {
      if (answer.event === 'broken' || answer.event === 'failed') {
        process.stderr.write(`load client: ${JSON.stringify(answer)}\n`);
      }
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Connects all at once; resolves when each has what it asked for. */
  async connect(
    target: string,
    fleet: Fleet,
    timeoutMs: number,
  ): Promise<{ readonly ms: Spread; readonly wallMs: number }> {
    const answer = await this.#process.ask(
      JSON.stringify({ do: 'connect', target, ...fleet }),
      'synced',
      timeoutMs,
    );
    const start = numberOf(answer, 'startNs');
    const ms = spread(numbersOf(answer, 'atNs').map((at) => (at - start) / 1e6));
    return { ms, wallMs: ms.max };
  }

  /**
   * Waits until a response with these bytes has come to so many streams.
   * @param act makes the change; the clock starts when it is called
   */
  async measure(
    marker: Uint8Array,
    streams: number,
    timeoutMs: number,
    act: () => void,
  ): Promise<Arrival> {
    await this.#process.ask(
      JSON.stringify({ do: 'expect', streams, marker: Buffer.from(marker).toString('base64') }),
      'expecting',
      answerMs,
    );
    const arrived = this.#process.next('arrived', timeoutMs);
    const start = Number(process.hrtime.bigint());
    act();
    const answer = await arrived;
    const since = (at: number) => (at - start) / 1e6;
    const ms = numbersOf(answer, 'atNs').map(since);
    return {
      ms: spread(ms),
      firstMs: Math.min(...ms),
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
