import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { DeltaSubscription } from './delta-subscription.js';
import { LinearCache } from './linear-cache.js';
import { MisplacedResourceError } from './snapshot-cache.js';
import { resources } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';

function endpoints(words: string) {
  return resources(words, TypeUrl.Endpoint);
}

function one(word: string) {
  const [resource] = endpoints(word);
  if (resource === undefined) {
    throw new Error(`no resource in ${word}`);
  }
  return resource;
}

/** A client of the cache in the incremental variant, without a network. */
class Client {
  readonly held = new Map<string, string>();
  readonly #subscription = new DeltaSubscription(TypeUrl.Endpoint);
  #nonce = 0;

  constructor(
    private readonly cache: LinearCache,
    subscribe: readonly string[],
  ) {
    this.#subscription.apply({ nonce: '', subscribe, unsubscribe: [], initialVersions: {} });
  }

  /** Takes everything that is due; returns the names that were sent. */
  pull(): string[] {
    const set = this.cache.get('', TypeUrl.Endpoint);
    const sent: string[] = [];
    for (;;) {
      const update = set && this.#subscription.next(set, { removals: true, maxBytes: 1_000 });
      if (update === undefined) {
        return sent;
      }
      this.#nonce += 1;
      const nonce = String(this.#nonce);
      this.#subscription.sent(update, nonce);
      for (const { name, version } of update.resources) {
        this.held.set(name, version);
        sent.push(name);
      }
      for (const name of update.removed) {
        this.held.delete(name);
      }
      this.#subscription.apply({ nonce, subscribe: [], unsubscribe: [], initialVersions: {} });
    }
  }
}

describe('LinearCache', () => {
  it('gives every group the same, of its type only', () => {
    const cache = new LinearCache(TypeUrl.Endpoint, endpoints('a1 b1'));
    const set = cache.get('one', TypeUrl.Endpoint);
    expect([...(set?.resources.keys() ?? [])]).toEqual(['a', 'b']);
    expect(cache.get('other', TypeUrl.Endpoint)).toBe(set);
    expect(cache.get('one', TypeUrl.Cluster)).toBeUndefined();
  });

  it('tells only the streams that ask for what has changed, each once', () => {
    const cache = new LinearCache(TypeUrl.Endpoint, endpoints('a1 b1 c1'));
    const told = { a: jest.fn(), ab: jest.fn(), all: jest.fn(), none: jest.fn() };
    cache.watch('', told.a).interest?.(TypeUrl.Endpoint, ['a']);
    const ab = cache.watch('', told.ab);
    ab.interest?.(TypeUrl.Endpoint, ['a', 'b']);
    cache.watch('', told.all).interest?.(TypeUrl.Endpoint, ['*']);
    cache.watch('', told.none);
    cache.update({ set: endpoints('a2 b2') });
    cache.setResource(one('b2'));
    cache.removeResource('nowhere');
    expect(Object.values(told).map((changed) => changed.mock.calls.length)).toEqual([1, 1, 1, 0]);
    ab.interest?.(TypeUrl.Endpoint, ['c']);
    cache.removeResource('b');
    cache.removeResource('c');
    ab.close();
    cache.setResource(one('c3'));
    expect(Object.values(told).map((changed) => changed.mock.calls.length)).toEqual([1, 2, 4, 0]);
  });

  it('puts a prefix before the version of the whole, and none before those of resources', () => {
    const cache = new LinearCache(TypeUrl.Endpoint, endpoints('a1'), { versionPrefix: 'east-' });
    cache.setResource(one('b1'));
    const plain = new LinearCache(TypeUrl.Endpoint, endpoints('b1 a1'));
    const version = plain.get('', TypeUrl.Endpoint)?.version;
    expect(cache.get('', TypeUrl.Endpoint)?.version).toBe(`east-${version}`);
    expect(cache.resources.get('a')?.version).toBe('1');
  });

  it('refuses a resource of another type and changes nothing', () => {
    const cache = new LinearCache(TypeUrl.Endpoint, endpoints('a1'));
    const set = [...endpoints('a2'), ...resources('x1', TypeUrl.Cluster)];
    expect(() => cache.update({ set })).toThrow(MisplacedResourceError);
    expect(cache.resources.get('a')?.version).toBe('1');
  });

  it('sends one resource for one that changed, also after thousands of changes', () => {
    const cache = new LinearCache(TypeUrl.Endpoint, endpoints('a1 b1 c1'));
    const steady = new Client(cache, ['*']);
    const absent = new Client(cache, ['*']);
    expect(steady.pull()).toEqual(['a', 'b', 'c']);
    expect(absent.pull()).toEqual(['a', 'b', 'c']);
    for (let change = 2; change < 9_001; change += 1) {
      cache.setResource(one(`a${change}`));
      if (change % 500 === 0) {
        expect(steady.pull()).toEqual(['a']);
      }
    }
    cache.removeResource('c');
    expect(absent.pull()).toEqual(['a']);
    expect(Object.fromEntries(absent.held)).toEqual({ a: '9000', b: '1' });
  });

  it('brings every client to what it holds, whenever the client looks', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const change = fc.record({ name, version: fc.option(fc.constantFrom('1', '2')) });
    const step = fc.record({ changes: fc.array(change, { maxLength: 4 }), pull: fc.boolean() });
    const names = fc.uniqueArray(fc.constantFrom<string>('*', 'a', 'b', 'x'), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(step), names, (steps, asked) => {
        const cache = new LinearCache(TypeUrl.Endpoint);
        const client = new Client(cache, asked);
        const model = new Map<string, string>();
        for (const { changes, pull } of steps) {
          for (const { name: changed, version } of changes) {
            if (version === null) {
              cache.removeResource(changed);
              model.delete(changed);
            } else {
              cache.setResource(one(changed + version));
              model.set(changed, version);
            }
          }
          if (pull) {
            client.pull();
          }
        }
        client.pull();
        const wanted = [...model].filter(([each]) => asked.includes('*') || asked.includes(each));
        expect(Object.fromEntries(client.held)).toEqual(Object.fromEntries(wanted));
        expect(client.pull()).toEqual([]);
      }),
    );
  });
});
