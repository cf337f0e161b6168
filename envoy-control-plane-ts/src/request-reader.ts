import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { InvalidRequest, LimitExceeded } from './errors.js';
import { ReadGate } from './read-gate.js';
import { countNames } from './request-names.js';
import { TokenBucket } from './token-bucket.js';
import type { Incoming } from './wire.js';

/** A name takes two bytes at least, so in a request of this size there are not many. */
const fewNamesBytes = 4 * 1024;

/** A request of this size costs as much of the stream's rate as two small ones. */
const bytesPerToken = 16 * 1024;

export interface RequestReaderOptions<Request> {
  readonly variant: 'sotw' | 'delta';
  readonly decode: (bytes: Buffer) => Incoming<Request>;
  readonly namesMax: number;
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
}

/**
 * Reads the requests of one stream, one after the other. A client that sends them faster than its
 * rate is not read from for a while: what it sends then stays with it.
 */
export class RequestReader<Request> {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #options: RequestReaderOptions<Request>;
  readonly #gate: ReadGate | undefined;
  readonly #bucket: TokenBucket;
  #holds = 0;
  #stopped = false;

  constructor(call: ServerDuplexStream<Buffer, Buffer>, options: RequestReaderOptions<Request>) {
    this.#call = call;
    this.#options = options;
    this.#gate = ReadGate.of(call.metadata);
    this.#bucket = new TokenBucket(options.requestsPerSecond, options.requestBurst);
  }

  /**
   * @param handle is given each request and a number of names that it does not exceed. While a promise that it
   * returns is pending, no further request is read.
   * @param failed is told what reading or `handle` threw.
   */
  start(
    handle: (incoming: Incoming<Request>, names: number) => Promise<void> | undefined,
    failed: (error: unknown) => void,
  ): void {
    this.#call.on('data', (bytes: Buffer) => {
      if (this.#stopped) {
        return;
      }
      this.#bucket.take(1 + Math.floor(bytes.length / bytesPerToken));
      try {
        const names = this.#countNames(bytes);
        const handled = handle(this.#decode(bytes), names);
        if (handled !== undefined) {
          this.#hold(handled.catch(failed));
        }
      } catch (error) {
        failed(error);
      }
      const waitMs = this.#bucket.waitMs();
      if (waitMs > 0) {
        this.#hold(sleep(waitMs, undefined, { ref: false }));
      }
    });
  }

  /** Takes notice of nothing more but the stream's end, which a stream that is held never sees. */
  stop(): void {
    this.#stopped = true;
    this.#read();
  }

  #hold(until: Promise<void>): void {
    this.#holds += 1;
    this.#call.pause();
    this.#gate?.hold();
    until.then(() => {
      this.#holds -= 1;
      if (this.#holds === 0) {
        this.#read();
      }
    });
  }

  #read(): void {
    this.#gate?.release();
    this.#call.resume();
  }

  /** @throws InvalidRequest, LimitExceeded */
  #countNames(bytes: Buffer): number {
    const { variant, namesMax } = this.#options;
    const most = Math.floor(bytes.length / 2);
    if (bytes.length <= fewNamesBytes && most <= namesMax) {
      return most;
    }
    let names: number;
    try {
      names = countNames(variant, bytes, namesMax);
    } catch {
      throw new InvalidRequest('the request cannot be decoded');
    }
    if (names > namesMax) {
      throw new LimitExceeded(`the request has more than ${namesMax} resource names`);
    }
    return names;
  }

  /** @throws InvalidRequest */
  #decode(bytes: Buffer): Incoming<Request> {
    try {
      return this.#options.decode(bytes);
    } catch {
      throw new InvalidRequest('the request cannot be decoded');
    }
  }
}
