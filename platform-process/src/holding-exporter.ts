import { setTimeout as sleep } from 'node:timers/promises';
import { core } from '@opentelemetry/sdk-node';
import type { Logger } from 'pino';

/** A batch that cannot be delivered for so long is dropped, so that newer ones get their turn. */
export const HOLD_MS_MAX = 5 * 60_000;
const PAUSE_MS_FIRST = 500;
const PAUSE_MS_MAX = 15_000;

/** What exporters of spans and of log records have in common. */
interface Exporter<Batch> {
  export(batch: Batch, done: (result: core.ExportResult) => void): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * Delivers each batch when it can: while the collector is away, or this process has no identity yet,
 * a batch waits and is tried again. The processor before it holds what follows, up to its own bound
 * (`OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BLRP_MAX_QUEUE_SIZE`), and says how much it had to drop.
 */
export class HoldingExporter<Batch> implements Exporter<Batch> {
  readonly #closing = new AbortController();
  #isHolding = false;

  constructor(
    /** What is exported, for the log: `spans`. */
    private readonly what: string,
    private readonly inner: Exporter<Batch>,
    private readonly log: Pick<Logger, 'warn' | 'info'>,
    private readonly holdMsMax = HOLD_MS_MAX,
  ) {}

  export(batch: Batch, done: (result: core.ExportResult) => void): void {
    void this.#deliver(batch).then(done);
  }

  /** From here on every batch has one attempt, also the one that waits. */
  giveUp(): void {
    this.#closing.abort();
  }

  async forceFlush(): Promise<void> {
    await this.inner.forceFlush?.();
  }

  shutdown(): Promise<void> {
    this.giveUp();
    return this.inner.shutdown();
  }

  async #deliver(batch: Batch): Promise<core.ExportResult> {
    const { signal } = this.#closing;
    const untilMs = Date.now() + this.holdMsMax;
    for (let pauseMs = PAUSE_MS_FIRST; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      const isLast = signal.aborted;
      const result = await new Promise<core.ExportResult>((resolve) =>
        this.inner.export(batch, resolve),
      );
      if (result.code === core.ExportResultCode.SUCCESS) {
        if (this.#isHolding) this.log.info(`${this.what} are exported again`);
        this.#isHolding = false;
        return result;
      }
      if (isLast || isFinal(result.error) || Date.now() + pauseMs > untilMs) return result;
      if (!this.#isHolding) {
        this.log.warn({ reason: result.error?.message }, `${this.what} wait to be exported`);
      }
      this.#isHolding = true;
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

/**
 * Whether the collector will never take these bytes. It answers 401 and 403 also while identities
 * change, and 408, 429 and 5xx for a while
 * (https://opentelemetry.io/docs/specs/otlp/#failures-1).
 */
function isFinal(error: Error | undefined): boolean {
  // Errors of the network have a code that is a word.
  const status = (error as { code?: unknown } | undefined)?.code;
  return (
    typeof status === 'number' &&
    status >= 400 &&
    status < 500 &&
    ![401, 403, 408, 429].includes(status)
  );
}
