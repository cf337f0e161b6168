import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { DeltaSubscription } from './delta-subscription.js';
import { type ResourceSet, resourceSet } from './resource-set.js';
import type { Update } from './subscription.js';
import { rejection, resources } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';

type Request = Parameters<DeltaSubscription['apply']>[0];

jest.setTimeout(30_000);

/** A client that follows the incremental protocol and refuses resources whose version is odd. */
class Client {
  readonly held = new Map<string, string>();
  readonly names = new Set<string>();
  wildcard = false;

  /** @param appliesGood Envoy takes the good clusters of a response that it rejects, but no routes. */
  constructor(private readonly appliesGood: boolean) {}

  first(): Request {
    const subscribe = this.wildcard ? ['*', ...this.names] : [...this.names];
    return { ...silent, subscribe, initialVersions: Object.fromEntries(this.held) };
  }

  subscribe(name: string): Request {
    if (name === '*') {
      this.wildcard = true;
    } else {
      this.names.add(name);
    }
    return { ...silent, subscribe: [name] };
  }

  unsubscribe(name: string): Request {
    if (name === '*') {
      this.wildcard = false;
    } else {
      this.names.delete(name);
    }
    for (const held of this.held.keys()) {
      if (!this.wants(held)) {
        this.held.delete(held);
      }
    }
    return { ...silent, unsubscribe: [name] };
  }

  receive(update: Update, nonce: string): Request {
    const bad = update.resources.some(({ version }) => isBad(version));
    for (const { name, version } of update.resources) {
      if (this.wants(name) && !isBad(version) && (!bad || this.appliesGood)) {
        this.held.set(name, version);
      }
    }
    for (const name of update.removed) {
      this.held.delete(name);
    }
    return bad ? { ...silent, nonce, rejection } : { ...silent, nonce };
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }
}

const silent: Request = { nonce: '', subscribe: [], unsubscribe: [], initialVersions: {} };

function isBad(version: string): boolean {
  return Number(version) % 2 === 1;
}

/** Server and client with a network between them that keeps the order and takes its time. */
class World {
  #server = new DeltaSubscription(TypeUrl.Cluster);
  #adopted = false;
  #set: ResourceSet;
  #toServer: Request[] = [];
  #toClient: { update: Update; nonce: string }[] = [];
  #nonceCount = 0;
  responseCount = 0;

  constructor(
    readonly client: Client,
    words: string,
  ) {
    this.#set = resourceSet(resources(words, TypeUrl.Cluster));
    this.connect();
  }

  connect(): void {
    this.#server = new DeltaSubscription(TypeUrl.Cluster);
    this.#adopted = false;
    this.#toClient = [];
    const { names, wildcard } = this.client;
    // A client without subscriptions has nothing to open a stream for.
    this.#toServer = wildcard || names.size > 0 ? [this.client.first()] : [];
  }

  snapshot(words: string): void {
    this.#set = resourceSet(resources(words, TypeUrl.Cluster));
  }

  fromClient(request: Request): void {
    this.#toServer.push(request);
  }

  serverReads(): boolean {
    const request = this.#toServer.shift();
    if (request !== undefined) {
      this.#server.apply(request);
      if (!this.#adopted) {
        this.#adopted = true;
        this.#server.adopt(this.#set);
      }
    }
    return request !== undefined;
  }

  serverSends(removals: boolean): boolean {
    const update = this.#server.next(this.#set, { removals, maxBytes: 6 });
    if (update === undefined) {
      return false;
    }
    this.#nonceCount += 1;
    this.responseCount += 1;
    const nonce = String(this.#nonceCount);
    this.#server.sent(update, nonce);
    this.#toClient.push({ update, nonce });
    return true;
  }

  clientReads(): boolean {
    const response = this.#toClient.shift();
    if (response !== undefined) {
      this.fromClient(this.client.receive(response.update, response.nonce));
    }
    return response !== undefined;
  }

  settle(): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      if (![this.serverReads(), this.serverSends(true), this.clientReads()].includes(true)) {
        return;
      }
    }
    throw new Error('server and client never come to rest');
  }

  /** What the client should hold. */
  get expected(): Map<string, string> {
    return new Map(
      [...this.#set.resources.values()]
        .filter(({ name }) => this.client.wants(name))
        .map(({ name, version }) => [name, version]),
    );
  }
}

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const nameOrAll = fc.constantFrom('a', 'b', 'c', 'd', 'e', '*');
const evenVersion = fc.constantFrom(0, 2, 4, 6);
const anyVersion = fc.integer({ min: 0, max: 7 });

function snapshots(version: fc.Arbitrary<number>): fc.Arbitrary<string> {
  return fc
    .uniqueArray(fc.tuple(name, version), { selector: ([key]) => key, maxLength: 5 })
    .map((entries) => entries.map(([key, value]) => `${key}${value}`).join(' '));
}

function steps(version: fc.Arbitrary<number>) {
  const step = fc.oneof(
    snapshots(version).map((words) => (world: World) => world.snapshot(words)),
    nameOrAll.map((word) => (world: World) => world.fromClient(world.client.subscribe(word))),
    nameOrAll.map((word) => (world: World) => world.fromClient(world.client.unsubscribe(word))),
    fc.constant((world: World) => world.connect()),
    fc.constant((world: World) => void world.serverReads()),
    fc.boolean().map((removals) => (world: World) => void world.serverSends(removals)),
    fc.constant((world: World) => void world.clientReads()),
  );
  return fc.array(step, { maxLength: 60 });
}

function run(appliesGood: boolean, first: string, script: ((world: World) => void)[]): World {
  const world = new World(new Client(appliesGood), first);
  world.client.subscribe('a');
  world.connect();
  for (const step of script) {
    step(world);
  }
  world.settle();
  return world;
}

describe('a client of the incremental protocol', () => {
  it('ends up with what it subscribes to, after any history', () => {
    fc.assert(
      fc.property(snapshots(evenVersion), steps(evenVersion), (first, script) => {
        const world = run(false, first, script);
        expect(world.client.held).toEqual(world.expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends up with every good resource, though others are bad', () => {
    fc.assert(
      fc.property(fc.boolean(), snapshots(anyVersion), steps(anyVersion), (mode, first, script) => {
        const world = run(mode, first, script);
        for (const [key, version] of world.expected) {
          if (!isBad(version)) {
            expect([key, world.client.held.get(key)]).toEqual([key, version]);
          }
        }
        for (const key of world.client.held.keys()) {
          expect([...world.expected.keys()]).toContain(key);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is sent nothing once it has everything', () => {
    fc.assert(
      fc.property(snapshots(evenVersion), steps(evenVersion), (first, script) => {
        const world = run(false, first, script);
        const before = world.responseCount;
        world.connect();
        const missing = [...world.client.names].filter((key) => !world.expected.has(key));
        world.settle();
        // What does not exist must be said on every stream; that takes one response.
        const nothing = world.client.wildcard && world.client.held.size === 0;
        expect(world.responseCount - before).toBe(missing.length > 0 || nothing ? 1 : 0);
      }),
      { numRuns: 1_000 },
    );
  });
});
