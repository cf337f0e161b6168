import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BuildCache, sha256 } from './build-cache.js';
import { catalogOf } from './catalog.js';
import { meshOf } from './mesh-fixture.js';

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
    expect(cache.readResult('key', 'stated', 'first')).toEqual({ needs: [1] });
    await cache.storeResult('key', 'stated', 'second', { needs: [2] });
    expect(cache.readResult('key', 'stated', 'first')).toBeUndefined();
    expect(cache.readResult('key', 'stated', 'second')).toEqual({ needs: [2] });
    expect(cache.readResult('key', 'denied', 'first')).toEqual({ rows: [] });
    await writeFile(join(directory, 'key', 'result-stated.json'), '{"asked":"second","se');
    expect(cache.readResult('key', 'stated', 'second')).toBeUndefined();
    await cache.storeResult('absent', 'stated', 'first', {});
    expect(cache.readResult('absent', 'stated', 'first')).toBeUndefined();
    expect(await readdir(directory)).toEqual(['key']);
  });

  it('keeps what is known of a catalog under a name that changes when meshes have other catalogs', async () => {
    await cache.storeSections('mesh', { services: 'hash' });
    expect(cache.readSections('mesh')).toEqual({ services: 'hash' });
    const catalog = sha256(JSON.stringify(catalogOf(meshOf('/mesh'))));
    // Where the second differs, `FORMAT` is to be raised.
    expect([await readdir(directory), catalog.slice(0, 8)]).toEqual([
      ['catalog-7-mesh'],
      'f5f00a6e',
    ]);
  });

  it('gives every result back as it was, in any order', async () => {
    await cache.store(new Map([['key', built]]));
    const relation = fc.oneof(
      fc.record({ service: fc.constantFrom('a', 'b'), operation: fc.constantFrom('a.x', 'b.y') }),
      fc.record({ operation: fc.constant('a.x'), caller: fc.record({ team: fc.string() }) }),
      fc.jsonValue(),
      fc.constant(JSON.parse('{"__proto__": {"team": "rides"}}')),
    );
    const row = fc.record({ rule: fc.nat(3), relation });
    const rows = fc.oneof(fc.array(row), fc.array(fc.oneof(row, fc.jsonValue())));
    const inOrder = (set: unknown[]) => set.map((each) => JSON.stringify(each, sortKeys)).sort();
    await fc.assert(
      fc.asyncProperty(rows, async (set) => {
        await cache.storeResult('key', 'stated', 'asked', { set });
        const read = cache.readResult('key', 'stated', 'asked')?.set;
        expect(inOrder(Array.isArray(read) ? read : [])).toEqual(inOrder(set));
      }),
      { numRuns: 50 },
    );
  });
});

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
