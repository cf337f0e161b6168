import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { LinearCache } from './linear-cache.js';
import { MuxCache } from './mux-cache.js';
import { rawResource, type TypedResource } from './resource.js';
import { resourceSet } from './resource-set.js';
import type { ResourceSource } from './resource-source.js';
import { SnapshotCache } from './snapshot-cache.js';
import {
  contentOf,
  DeltaSessionClient,
  type SessionClient,
  SotwSessionClient,
} from './testing/session-client.js';
import { isRootType, TypeUrl } from './type-url.js';

jest.setTimeout(60_000);

const group = 'blue';
const widget = 'types.example.org/acme.Widget';
const types: readonly TypeUrl[] = [TypeUrl.Cluster, TypeUrl.Endpoint, widget];

/** Versions by name. */
type Content = Readonly<Record<string, string>>;

/** What all caches can do, in words that a model can follow. */
interface Store {
  readonly source: ResourceSource;
  change(typeUrl: TypeUrl, set: Content, remove: readonly string[]): void;
  replace(typeUrl: TypeUrl, all: Content): void;
}

function made(typeUrl: TypeUrl, content: Content): TypedResource[] {
  return Object.entries(content).map(([name, version]) =>
    rawResource({ typeUrl, name, version, value: contentOf(name, version) }),
  );
}

/** Everything by single resources. */
function rawSnapshots(cache = new SnapshotCache()): Store {
  return {
    source: cache,
    change: (typeUrl, set, remove) =>
      cache.update(group, {
        set: made(typeUrl, set),
        remove: remove.map((name) => ({ typeUrl, name })),
      }),
    replace: (typeUrl, all) => cache.setResources(group, typeUrl, made(typeUrl, all)),
  };
}

/** Everything by whole snapshots, in which some types are sets made before. */
function wholeSnapshots(): Store {
  const cache = new SnapshotCache();
  const all = new Map<TypeUrl, Content>();
  const set = () =>
    cache.setSnapshot(
      group,
      Object.fromEntries(
        Array.from(all, ([typeUrl, content], index) => {
          const resources = made(typeUrl, content);
          return [typeUrl, index % 2 === 0 ? resources : resourceSet(resources)];
        }),
      ),
    );
  return {
    source: cache,
    change: (typeUrl, changed, remove) => {
      const kept = Object.entries(all.get(typeUrl) ?? {}).filter(
        ([name]) => !remove.includes(name),
      );
      all.set(typeUrl, { ...Object.fromEntries(kept), ...changed });
      set();
    },
    replace: (typeUrl, content) => {
      all.set(typeUrl, content);
      // A type without resources may also be left out; another than Envoy's is then not known.
      if (Object.keys(content).length === 0 && typeUrl !== widget) {
        all.delete(typeUrl);
      }
      set();
    },
  };
}

function linear(): Store {
  const caches = new Map(types.map((typeUrl) => [typeUrl, new LinearCache(typeUrl)]));
  return {
    source: new MuxCache((_group, typeUrl) => caches.get(typeUrl), caches.values()),
    change: (typeUrl, set, remove) =>
      caches.get(typeUrl)?.update({ set: made(typeUrl, set), remove }),
    replace: (typeUrl, all) => caches.get(typeUrl)?.setResources(made(typeUrl, all)),
  };
}

function mux(): Store {
  const fleet = new LinearCache(TypeUrl.Endpoint);
  const snapshots = new SnapshotCache();
  const rest = rawSnapshots(snapshots);
  return {
    source: new MuxCache({ [TypeUrl.Endpoint]: fleet }, snapshots),
    change: (typeUrl, set, remove) =>
      typeUrl === TypeUrl.Endpoint
        ? fleet.update({ set: made(typeUrl, set), remove })
        : rest.change(typeUrl, set, remove),
    replace: (typeUrl, all) =>
      typeUrl === TypeUrl.Endpoint
        ? fleet.setResources(made(typeUrl, all))
        : rest.replace(typeUrl, all),
  };
}

/** A store, a client of it, and what the client should have. */
class World {
  readonly model = new Map<TypeUrl, Content>(types.map((typeUrl) => [typeUrl, {}]));
  constructor(
    readonly store: Store,
    readonly client: SessionClient,
    readonly isDelta: boolean,
  ) {}

  change(typeUrl: TypeUrl, set: Content, remove: readonly string[]): void {
    const kept = Object.entries(this.model.get(typeUrl) ?? {}).filter(
      ([name]) => !remove.includes(name),
    );
    this.model.set(typeUrl, { ...Object.fromEntries(kept), ...set });
    this.store.change(typeUrl, set, remove);
  }

  replace(typeUrl: TypeUrl, all: Content): void {
    this.model.set(typeUrl, all);
    this.store.replace(typeUrl, all);
  }

  wanted(typeUrl: TypeUrl): Content {
    const all = Object.entries(this.model.get(typeUrl) ?? {});
    return Object.fromEntries(
      all.filter(([name]) => this.client.wants(typeUrl, name)).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  everythingWanted(): string {
    return JSON.stringify(types.map((typeUrl) => this.wanted(typeUrl)));
  }

  check(): void {
    for (const typeUrl of types) {
      const held = Object.fromEntries(this.client.held(typeUrl));
      const wanted = this.wanted(typeUrl);
      if (this.isDelta || isRootType(typeUrl)) {
        expect({ typeUrl, held }).toEqual({ typeUrl, held: wanted });
      } else {
        // "The API provides no mechanism for the server to tell the client that resources have been
        // deleted" in state of the world, so it may hold more.
        expect({ typeUrl, held }).toMatchObject({ typeUrl, held: wanted });
      }
    }
  }

  /** The same again, in other objects. */
  repeat(): void {
    for (const [typeUrl, content] of this.model) {
      this.store.change(typeUrl, content, ['nowhere']);
      this.store.replace(typeUrl, Object.fromEntries(Object.entries(content).reverse()));
    }
  }
}

type Step = (world: World) => void;

const typeUrl = fc.constantFrom(...types);
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e/with strange+name');
const version = fc.constantFrom('1', '2', 'revision 3 of %41');
const content = fc.dictionary(name, version, { maxKeys: 4 });
const asked = fc.oneof(
  fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
  fc.constant<readonly string[]>(['*']),
);
const change = fc.oneof(
  fc.tuple(typeUrl, content, fc.uniqueArray(name, { maxLength: 3 })).map(
    ([type, set, remove]): Step =>
      (world) => {
        // Of a name in both lists it would have to be said which comes first; the caches say it is set.
        world.change(type, set, remove);
      },
  ),
  fc.tuple(typeUrl, content).map(
    ([type, all]): Step =>
      (world) =>
        world.replace(type, all),
  ),
);
const subscription = fc.tuple(typeUrl, asked).map(
  ([type, names]): Step =>
    (world) =>
      world.client.ask(type, names),
);

const script = fc.record({
  before: fc.array(change, { maxLength: 3 }),
  first: fc.tuple(asked, asked, asked),
  steps: fc.array(
    fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
      ask: fc.option(subscription),
    }),
    { maxLength: 8 },
  ),
});

describe.each([
  ['snapshots, resource by resource', () => rawSnapshots()],
  ['whole snapshots', wholeSnapshots],
  ['linear caches', linear],
  ['a linear cache and snapshots', mux],
])('a client of %s', (_name, store) => {
  it.each([
    ['incremental', DeltaSessionClient],
    ['state of the world', SotwSessionClient],
  ])('has what the model has, and is sent nothing for equal content (%s)', async (_, Client) => {
    await fc.assert(
      fc.asyncProperty(script, async ({ before, first, steps }) => {
        const given = store();
        const client = new Client(given.source, group);
        const world = new World(given, client, Client === DeltaSessionClient);
        try {
          for (const type of types) {
            world.replace(type, {});
          }
          for (const step of before) {
            step(world);
          }
          for (const [index, type] of types.entries()) {
            client.ask(type, first[index] ?? []);
          }
          await client.settle();
          world.check();
          for (const { changes, ask } of steps) {
            const [wanted, count] = [world.everythingWanted(), client.responseCount];
            for (const step of changes) {
              step(world);
            }
            await client.settle();
            world.check();
            if (world.everythingWanted() === wanted) {
              expect(client.responseCount).toBe(count);
            }
            ask?.(world);
            await client.settle();
            world.check();
          }
          const count = client.responseCount;
          world.repeat();
          await client.settle();
          expect(client.responseCount).toBe(count);
        } finally {
          client.close();
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Asks for resources by their other names, as Envoy does for virtual hosts. */
class AliasClient extends DeltaSessionClient {
  override wants(asked: TypeUrl, resourceName: string): boolean {
    return super.wants(asked, resourceName) || super.wants(asked, aliasOf(resourceName));
  }
}

function aliasOf(resourceName: string): string {
  return `${resourceName}.example`;
}

describe('a client that asks by other names', () => {
  const hosts = TypeUrl.VirtualHost;
  const withAliases = (all: Content) =>
    made(hosts, all).map((each) => ({ ...each, aliases: [aliasOf(each.name)] }));
  const ask = fc.uniqueArray(fc.oneof(name, name.map(aliasOf)), { maxLength: 4 });

  it.each([
    ['snapshots', () => new SnapshotCache()],
    ['a linear cache', () => new LinearCache(hosts)],
  ])('has the resources of %s under their own', async (_, cacheOf) => {
    const steps = fc.array(fc.record({ all: fc.option(content), names: fc.option(ask) }), {
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(content, steps, async (first, rest) => {
        const cache = cacheOf();
        const client = new AliasClient(cache, group);
        let model: Content = {};
        for (const { all, names } of [{ all: first, names: ['a', aliasOf('b')] }, ...rest]) {
          if (all !== null) {
            model = all;
            if (cache instanceof LinearCache) {
              cache.setResources(withAliases(all));
            } else {
              cache.setResources(group, hosts, withAliases(all));
            }
          }
          if (names !== null) {
            client.ask(hosts, names);
          }
          await client.settle();
          const wanted = Object.entries(model).filter(([each]) => client.wants(hosts, each));
          expect(Object.fromEntries(client.held(hosts))).toEqual(Object.fromEntries(wanted));
        }
        const count = client.responseCount;
        if (cache instanceof LinearCache) {
          cache.setResources(withAliases(model));
        } else {
          cache.setResources(group, hosts, withAliases(model));
        }
        await client.settle();
        expect(client.responseCount).toBe(count);
        client.close();
      }),
      { numRuns: 200 },
    );
  });
});

describe('a stream of clusters in state of the world', () => {
  it('is sent a removal also when nothing else has changed', async () => {
    const cache = new SnapshotCache();
    cache.setResources(group, TypeUrl.Cluster, made(TypeUrl.Cluster, { a: '1', b: '1' }));
    const client = new SotwSessionClient(cache, group);
    client.ask(TypeUrl.Cluster, ['*']);
    await client.settle();
    cache.removeResource(group, TypeUrl.Cluster, 'a');
    await client.settle();
    expect([...client.held(TypeUrl.Cluster)]).toEqual([['b', '1']]);
    client.close();
  });
});
