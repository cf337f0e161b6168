import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BuildCache, sha256 } from './build-cache.js';

const wasm = Buffer.alloc(1_000, 1);
const program = sha256(wasm);
const built = {
  facts: { rules: [], copyLines: [], entrypoints: [], reads: [], judgesOneByOne: true },
  wasm,
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
      await Promise.all(Array.from({ length: 6 }, () => cache.store(new Map([['key', built]]))));
      expect(await cache.find('key')).toEqual({ facts: built.facts, program });
    }
    expect(await readdir(directory)).toEqual(['key']);
  });

  it('replaces a damaged entry', async () => {
    await cache.store(new Map([['key', built]]));
    await writeFile(join(directory, 'key', 'policy.wasm'), 'cut short');
    expect(await cache.readProgram('key', program)).toBeUndefined();
    await cache.store(new Map([['key', built]]));
    expect(await cache.find('key')).toEqual({ facts: built.facts, program });
  });

  it('keeps one file for builds that share their WebAssembly, as long as one of them is there', async () => {
    const shared = new Map(['a', 'b'].map((key) => [key, built]));
    await cache.store(shared);
    const file = (key: string) => stat(join(directory, key, 'policy.wasm'));
    expect((await file('a')).ino).toBe((await file('b')).ino);
    await rm(join(directory, 'a'), { recursive: true });
    expect(await cache.readProgram('b', program)).toEqual(wasm);
  });

  it('keeps the last result of each name, for the question that it answers', async () => {
    await cache.store(new Map([['key', built]]));
    await cache.storeResult('key', 'stated', 'first', { needs: [1] });
    await cache.storeResult('key', 'denied', 'first', { rows: [] });
    expect(await cache.readResult('key', 'stated', 'first')).toEqual({ needs: [1] });
    await cache.storeResult('key', 'stated', 'second', { needs: [2] });
    expect(await cache.readResult('key', 'stated', 'first')).toBeUndefined();
    expect(await cache.readResult('key', 'stated', 'second')).toEqual({ needs: [2] });
    expect(await cache.readResult('key', 'denied', 'first')).toEqual({ rows: [] });
    await writeFile(join(directory, 'key', 'result-stated.json'), '{"asked":"second","se');
    expect(await cache.readResult('key', 'stated', 'second')).toBeUndefined();
    await cache.storeResult('absent', 'stated', 'first', {});
    expect(await cache.readResult('absent', 'stated', 'first')).toBeUndefined();
    expect(await readdir(directory)).toEqual(['key']);
  });
});
