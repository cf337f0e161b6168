import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BuildCache } from './build-cache.js';

const built = {
  facts: { rules: [], copyLines: [], entrypoints: [], readsCatalog: false },
  wasm: Buffer.alloc(1_000, 1),
};

describe('the cache of builds', () => {
  let directory: string;
  let cache: BuildCache;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dotline-builds-'));
    cache = new BuildCache(directory);
  });

  afterEach(() => rm(directory, { recursive: true }));

  it('takes the same build from many at once, and leaves nothing else behind', async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 6 }, () => cache.store('key', built)));
      expect(await cache.find('key')).toEqual(built);
    }
    expect(await readdir(directory)).toEqual(['key']);
  });

  it('replaces a damaged entry', async () => {
    await cache.store('key', built);
    await writeFile(join(directory, 'key', 'policy.wasm'), 'cut short');
    expect(await cache.find('key')).toBeUndefined();
    await cache.store('key', built);
    expect(await cache.find('key')).toEqual(built);
  });
});
