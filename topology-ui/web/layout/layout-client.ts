import { arrange } from './arrange.js';
import type { LayoutWish, Positions } from './layout-wish.js';

/** Arranges in a worker; where workers are not to be had, in the page. A newer wish ends an older one. */
export class LayoutClient {
  private worker: Worker | null = null;

  constructor(private readonly workerUrl: string) {}

  /** Resolves with the positions, or with `null` when a newer wish took over. */
  arrange(wish: LayoutWish): Promise<Positions | null> {
    this.close();
    return new Promise((resolve) => {
      let worker: Worker;
      try {
        worker = new Worker(this.workerUrl, { type: 'module' });
      } catch {
        resolve(arrange(wish));
        return;
      }
      this.worker = worker;
      const finish = (positions: Positions | null) => {
        const overtaken = this.worker !== worker;
        if (!overtaken) this.close();
        resolve(overtaken ? null : positions);
      };
      worker.addEventListener('message', (event: MessageEvent<Positions>) => finish(event.data));
      worker.addEventListener('error', () => finish(arrange(wish)));
      worker.postMessage(wish);
    });
  }

  close(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
