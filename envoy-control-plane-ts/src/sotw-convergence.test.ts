import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { type ResourceSet, resourceSet } from './resource-set.js';
import { SotwSubscription } from './sotw-subscription.js';
import type { Update } from './subscription.js';
import { rejection, resources } from './testing/subscription-script.js';
import { isRootType, TypeUrl } from './type-url.js';

type Request = Parameters<SotwSubscription['apply']>[0];

jest.setTimeout(30_000);

/**
 * A client of the state-of-the-world protocol, with the server and a network that keeps the order
 * and takes its time. It refuses resources whose version is odd, and then keeps what it had.
 */
class World {
  readonly held = new Map<string, string>();
  names: readonly string[] = [];
  readonly #type: TypeUrl;
  #server: SotwSubscription;
  #adopted = false;
  #set: ResourceSet;
  #toServer: Request[] = [];
  #toClient: { update: Update; nonce: string }[] = [];
  #nonce = '';
  #version = '';
  #nonceCount = 0;

  constructor(type: TypeUrl, words: string) {
    this.#type = type;
    this.#server = new SotwSubscription(type);
    this.#set = resourceSet(resources(words, type));
  }

  connect(): void {
    this.#server = new SotwSubscription(this.#type);
    this.#adopted = false;
    this.#toClient = [];
    this.#toServer = [];
    this.#nonce = '';
    if (this.names.length > 0) {
      this.#request();
    }
  }

  snapshot(words: string): void {
    this.#set = resourceSet(resources(words, this.#type));
  }

  ask(names: readonly string[]): void {
    this.names = names;
    this.#forgetUnwanted();
    this.#request();
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
    const nonce = String(this.#nonceCount);
    this.#server.sent(update, nonce);
    this.#toClient.push({ update, nonce });
    return true;
  }

  clientReads(): boolean {
    const response = this.#toClient.shift();
    if (response === undefined) {
      return false;
    }
    const { update, nonce } = response;
    this.#nonce = nonce;
    const isBad = update.resources.some(({ version }) => Number(version) % 2 === 1);
    if (isBad) {
      this.#request(true);
      return true;
    }
    this.#version = update.version;
    if (isRootType(this.#type)) {
      this.held.clear();
    }
    for (const { name, version } of update.resources) {
      this.held.set(name, version);
    }
    this.#forgetUnwanted();
    this.#request();
    return true;
  }

  settle(): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      if (![this.serverReads(), this.serverSends(true), this.clientReads()].includes(true)) {
        return;
      }
    }
    throw new Error('server and client never come to rest');
  }

  /** What the client should hold of what exists. */
  get expected(): [name: string, version: string][] {
    return [...this.#set.resources.values()]
      .filter(({ name }) => this.#wants(name))
      .map(({ name, version }) => [name, version]);
  }

  #request(rejects = false): void {
    this.#toServer.push({
      nonce: this.#nonce,
      names: this.names,
      version: this.#version,
      ...(rejects ? { rejection } : {}),
    });
  }

  #wants(name: string): boolean {
    return this.names.includes('*') || this.names.includes(name);
  }

  #forgetUnwanted(): void {
    for (const name of this.held.keys()) {
      if (!this.#wants(name)) {
        this.held.delete(name);
      }
    }
  }
}

const name = fc.constantFrom('a', 'b', 'c', 'd');

function snapshots(version: fc.Arbitrary<number>): fc.Arbitrary<string> {
  return fc
    .uniqueArray(fc.tuple(name, version), { selector: ([key]) => key, maxLength: 4 })
    .map((entries) => entries.map(([key, value]) => `${key}${value}`).join(' '));
}

function steps(version: fc.Arbitrary<number>, names: fc.Arbitrary<string>) {
  const step = fc.oneof(
    snapshots(version).map((words) => (world: World) => world.snapshot(words)),
    fc.uniqueArray(names, { maxLength: 3 }).map((asked) => (world: World) => world.ask(asked)),
    fc.constant((world: World) => world.connect()),
    fc.constant((world: World) => void world.serverReads()),
    fc.boolean().map((removals) => (world: World) => void world.serverSends(removals)),
    fc.constant((world: World) => void world.clientReads()),
  );
  return fc.array(step, { maxLength: 50 });
}

function run(type: TypeUrl, first: string, script: ((world: World) => void)[]): World {
  const world = new World(type, first);
  world.ask(['a']);
  for (const step of script) {
    step(world);
  }
  world.settle();
  return world;
}

const evenVersion = fc.constantFrom(0, 2, 4, 6);
const anyVersion = fc.integer({ min: 0, max: 7 });

describe('a client of the state-of-the-world protocol', () => {
  it('ends up with exactly the clusters that it asks for, after any history', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', '*');
    fc.assert(
      fc.property(snapshots(evenVersion), steps(evenVersion, names), (first, script) => {
        const world = run(TypeUrl.Cluster, first, script);
        // With an empty list the client wants nothing and is told nothing.
        expect(world.held).toEqual(new Map(world.expected));
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends up with every good route that it asks for, though others are bad', () => {
    fc.assert(
      fc.property(snapshots(anyVersion), steps(anyVersion, name), (first, script) => {
        const world = run(TypeUrl.Route, first, script);
        for (const [key, version] of world.expected) {
          if (Number(version) % 2 === 0) {
            expect([key, world.held.get(key)]).toEqual([key, version]);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
