import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProductSettings, RunningProduct } from './running-product.js';
import { TestPostgresql, TestValkey } from './stores.js';

/** A running product with stores of its own, in a temporary folder. */
export class ProductWithStores {
  private constructor(
    readonly directory: string,
    readonly postgresql: TestPostgresql,
    readonly valkey: TestValkey,
    readonly running: RunningProduct,
  ) {}

  static async start(
    settings: Omit<ProductSettings, 'directory' | 'postgresql' | 'valkey'>,
  ): Promise<ProductWithStores> {
    const directory = await mkdtemp(join(tmpdir(), `${settings.product}-`));
    const postgresql = await TestPostgresql.start(directory);
    const valkey = await TestValkey.start(directory);
    try {
      const stores = { directory, postgresql, valkey };
      const running = await RunningProduct.start({ ...settings, ...stores });
      return new ProductWithStores(directory, postgresql, valkey, running);
    } catch (error) {
      await end(directory, postgresql, valkey);
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.running.stop();
    await end(this.directory, this.postgresql, this.valkey);
  }
}

async function end(
  directory: string,
  postgresql: TestPostgresql,
  valkey: TestValkey,
): Promise<void> {
  await Promise.all([postgresql.stop(), valkey.stop()]);
  await rm(directory, { recursive: true, force: true });
}
