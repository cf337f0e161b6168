import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { rawResource } from './resource.js';
import { DuplicateResourceError, emptyResourceSet, resourceSet } from './resource-set.js';
import { MisplacedResourceError, type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { cluster, endpoints, listener, rbac, routes } from './testing/hello-resources.js';
import { TypeUrl } from './type-url.js';

const whole: Snapshot = {
  [TypeUrl.Cluster]: [cluster('a')],
  [TypeUrl.Endpoint]: [endpoints('a', 1)],
  [TypeUrl.Listener]: [listener('l', 2, { routes: 'r', rbac: 'guard' })],
  [TypeUrl.Route]: [routes('r', 'a')],
  [TypeUrl.ExtensionConfig]: [rbac('guard', true)],
};

describe('SnapshotCache', () => {
  it('knows nothing of a node before its snapshot, and then that types left out are empty', () => {
    const cache = new SnapshotCache();
    expect(cache.get('n', TypeUrl.Cluster)).toBeUndefined();
    cache.setSnapshot('n', {});
    expect(cache.get('n', TypeUrl.Cluster)?.resources.size).toBe(0);
    expect(cache.groups()).toEqual(['n']);
  });

  it('tells only when something has changed, and only those who watch the node', () => {
    const cache = new SnapshotCache();
    const [mine, other] = [jest.fn(), jest.fn()];
    const watch = cache.watch('n', mine);
    cache.watch('other', other);
    cache.setSnapshot('n', whole);
    cache.setSnapshot('n', { ...whole, [TypeUrl.Cluster]: [cluster('a')] });
    expect(mine).toHaveBeenCalledTimes(1);
    cache.setSnapshot('n', { ...whole, [TypeUrl.Cluster]: [cluster('a', 2_000)] });
    expect(mine).toHaveBeenCalledTimes(2);
    watch.close();
    cache.setSnapshot('n', {});
    expect(mine).toHaveBeenCalledTimes(2);
    expect(other).not.toHaveBeenCalled();
  });

  it('keeps the set of a type that has not changed', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', whole);
    const before = cache.get('n', TypeUrl.Route);
    cache.setSnapshot('n', {
      ...whole,
      [TypeUrl.Route]: [routes('r', 'a')],
      [TypeUrl.Cluster]: [],
    });
    expect(cache.get('n', TypeUrl.Route)).toBe(before);
  });

  it('gives sets of equal resources one version, whatever their order', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('m', { [TypeUrl.Cluster]: [cluster('a'), cluster('b')] });
    cache.setSnapshot('n', { [TypeUrl.Cluster]: [cluster('b'), cluster('a')] });
    const versions = ['m', 'n'].map((node) => cache.get(node, TypeUrl.Cluster)?.version);
    expect(new Set(versions).size).toBe(1);
  });

  it('refuses a wrong snapshot and keeps the old one', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', whole);
    const twice = { [TypeUrl.Cluster]: [cluster('a'), cluster('a', 2_000)] };
    expect(() => cache.setSnapshot('n', twice)).toThrow(DuplicateResourceError);
    const misplaced = { [TypeUrl.Route]: [cluster('a')] };
    expect(() => cache.setSnapshot('n', misplaced)).toThrow(MisplacedResourceError);
    expect(cache.get('n', TypeUrl.Cluster)?.resources.get('a')?.version).toBe(cluster('a').version);
  });
});

describe('single resources of a snapshot', () => {
  it('are set, replaced and removed with the version that the caller gives', () => {
    const cache = new SnapshotCache();
    const told = jest.fn();
    cache.watch('n', told);
    const value = new Uint8Array([1]);
    const typeUrl = TypeUrl.Cluster;
    cache.setResource('n', rawResource({ typeUrl, name: 'a', version: 'mine-1', value }));
    expect(cache.getResource('n', typeUrl, 'a')?.version).toBe('mine-1');
    // A type that nobody has spoken of is not known: its clients keep what they have.
    expect(cache.get('n', TypeUrl.Listener)).toBeUndefined();
    cache.setResource('n', rawResource({ typeUrl, name: 'a', version: 'mine-1', value }));
    expect(told).toHaveBeenCalledTimes(1);
    cache.update('n', {
      set: [rawResource({ typeUrl, name: 'b', version: 'mine-2', value })],
      remove: [{ typeUrl, name: 'a' }],
    });
    expect(told).toHaveBeenCalledTimes(2);
    expect([...(cache.get('n', typeUrl)?.resources.keys() ?? [])]).toEqual(['b']);
  });

  it('are replaced type by type', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', whole);
    cache.setResources('n', TypeUrl.Route, [routes('s', 'a')]);
    expect([...(cache.get('n', TypeUrl.Route)?.resources.keys() ?? [])]).toEqual(['s']);
    expect(cache.getResource('n', TypeUrl.Cluster, 'a')?.version).toBe(cluster('a').version);
    expect(() => cache.setResources('n', TypeUrl.Route, [cluster('a')])).toThrow(
      MisplacedResourceError,
    );
    const made = resourceSet([routes('t', 'a')]);
    cache.setResources('n', TypeUrl.Route, made);
    expect(cache.get('n', TypeUrl.Route)).toBe(made);
  });

  it('may be of any type; what a snapshot leaves out is gone if it was there', () => {
    const cache = new SnapshotCache();
    const typeUrl = 'types.example.org/acme.Widget';
    const [value, other] = [new Uint8Array([1]), 'type.googleapis.com/acme.Other'] as const;
    cache.setSnapshot('n', { [typeUrl]: [rawResource({ typeUrl, name: 'w', value })] });
    expect(cache.getResource('n', typeUrl, 'w')?.value).toBe(value);
    expect(cache.get('n', other)).toBeUndefined();
    cache.setSnapshot('n', {});
    expect(cache.get('n', typeUrl)?.resources.size).toBe(0);
  });

  it('leave a snapshot as if it had been set whole', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const change = fc.record({ name, ms: fc.option(fc.constantFrom(1, 2)) });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const [single, whole] = [new SnapshotCache(), new SnapshotCache()];
        const model = new Map<string, number>();
        for (const { name: changed, ms } of changes) {
          if (ms === null) {
            single.removeResource('n', TypeUrl.Cluster, changed);
            model.delete(changed);
          } else {
            single.setResource('n', cluster(changed, ms));
            model.set(changed, ms);
          }
        }
        const clusters = Array.from(model, ([each, ms]) => cluster(each, ms));
        whole.setSnapshot('n', { [TypeUrl.Cluster]: clusters });
        const [one, other] = [single, whole].map((cache) => cache.get('n', TypeUrl.Cluster));
        expect(one?.version ?? emptyResourceSet.version).toBe(other?.version);
      }),
    );
  });
});

describe('sets of resources', () => {
  it('that are equal are one object for all snapshots', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('m', { [TypeUrl.Cluster]: [cluster('a'), cluster('b')] });
    cache.setSnapshot('n', { [TypeUrl.Cluster]: [cluster('a'), cluster('b')] });
    expect(cache.get('n', TypeUrl.Cluster)).toBe(cache.get('m', TypeUrl.Cluster));
  });

  it('can be given ready made', () => {
    const cache = new SnapshotCache();
    const clusters = resourceSet([cluster('a')]);
    cache.setSnapshot('n', { [TypeUrl.Cluster]: clusters });
    expect(cache.get('n', TypeUrl.Cluster)).toBe(clusters);
  });
});
