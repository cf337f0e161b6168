import type { Logger } from '../logger.js';
import { type Counts, writeCounts } from './counts.js';

const EVERY_MS = 1000;

/** Keeps a file equal to the counts, at most a second late, and exact when closed. */
export class CountsFile {
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #written = '';

  constructor(
    private readonly path: string,
    private readonly counts: Counts,
    private readonly log: Logger,
  ) {
    this.#timer = setInterval(() => this.#write(), EVERY_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#write();
    await this.#writing;
  }

  #write(): void {
    this.#writing = this.#writing.then(async () => {
      const document = this.counts.document();
      const text = JSON.stringify(document);
      if (text === this.#written) return;
      try {
        await writeCounts(this.path, document);
        this.#written = text;
      } catch (error) {
        this.log.error({ err: error }, `could not write ${this.path}`);
      }
    });
  }
}
