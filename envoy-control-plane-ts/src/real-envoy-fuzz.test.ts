import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { TypedResource } from './resource.js';
import { ControlPlane } from './testing/control-plane.js';
import { ask, Backend, SteadyRequests } from './testing/data-plane.js';
import { dumpedLines, linesOf } from './testing/dump-comparison.js';
import {
  ads,
  badCluster,
  badRoutes,
  cluster,
  endpoints,
  listener,
  ownStream,
  routes,
} from './testing/hello-resources.js';
import { KillableControlPlane } from './testing/killable-control-plane.js';
import { MeshModel } from './testing/mesh-model.js';
import { Random } from './testing/random.js';
import { type EnvoyOptions, eventually, RealEnvoy } from './testing/real-envoy.js';
import { TcpProxy } from './testing/tcp-proxy.js';
import { TypeUrl } from './type-url.js';

/**
 * A real Envoy against a model: after any history of changes, cuts and ends it has what the model
 * says, and what was never touched never fails. `STEPS=20000 SEED=7` runs longer, or one history.
 */
const steps = Number(process.env.STEPS ?? 500);
const seeds = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const settleMsMax = 20_000;
const nodeId = 'node-1';

jest.setTimeout(120_000 + steps * 500);

type Variant = Required<Pick<EnvoyOptions, 'apiType' | 'delivery'>>;

class World {
  readonly #history: string[] = [];
  #settledAt = 0;
  #controlPlane: ControlPlane | KillableControlPlane | undefined;
  #envoy: RealEnvoy | undefined;
  #stepCount = 0;

  private constructor(
    private readonly random: Random,
    private readonly variant: Variant,
    private readonly model: MeshModel,
    private readonly untouched: readonly TypedResource[],
    private readonly steady: SteadyRequests,
    private readonly proxy: TcpProxy,
    private readonly backends: readonly Backend[],
    private readonly directory: string,
  ) {}

  static async start(variant: Variant, seed: number): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'xds-fuzz-'));
    const backends = [await Backend.start('b0'), await Backend.start('b1')];
    // Not a port: another program could have it before the next Envoy does.
    const path = join(directory, 'steady');
    const source = variant.delivery === 'separate' ? ownStream(variant.apiType) : ads;
    const random = new Random(seed);
    const untouched = [
      cluster('steady', 1_000, source),
      endpoints('steady', backends[0]?.port),
      routes('steady', 'steady'),
      listener('steady', path, { routes: 'steady', source }),
    ];
    const world = new World(
      random,
      variant,
      new MeshModel(random, backends, directory, source),
      untouched,
      new SteadyRequests(path, '200 steady b0'),
      await TcpProxy.start(),
      backends,
      directory,
    );
    await world.#startControlPlane();
    await world.#startEnvoy();
    return world;
  }

  async stop(): Promise<void> {
    await this.steady.stop();
    await this.#envoy?.stop();
    await this.#controlPlane?.kill();
    await this.proxy.stop();
    await Promise.all(this.backends.map((backend) => backend.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  async run(): Promise<void> {
    while (this.#stepCount < steps) {
      const luck = this.random.below(100);
      if (luck < 2) {
        await this.#killControlPlane();
      } else if (luck < 4) {
        await this.#restartEnvoy();
      } else if (luck < 9) {
        await this.#refusedRoutes();
      } else if (luck < 13) {
        await this.#refusedCluster();
      } else if (luck < 18) {
        await this.#lateEndpoints();
      } else {
        await this.#changes();
      }
      expect(this.steady.wrong).toEqual([]);
    }
    expect(this.steady.count).toBeGreaterThan(steps / 10);
  }

  /** The changes since Envoy was last as it should be, and what it did before that. */
  tail(): string {
    const [before, since] = [
      this.#history.slice(0, this.#settledAt).slice(-5),
      this.#history.slice(this.#settledAt),
    ];
    return `step ${this.#stepCount}; before: ${before.join(' | ')}; since: ${since.join(' | ')}`;
  }

  /** A few changes, some at once, some one after the other, now and then with a cut between. */
  async #changes(): Promise<void> {
    const count = 1 + this.random.below(6);
    for (let index = 0; index < count; index += 1) {
      this.#note(this.model.step());
      if (this.random.isLucky(0.7)) {
        await this.#publish();
      }
      if (this.random.isLucky(0.02)) {
        this.#note('cut');
        this.proxy.cut();
      }
      if (this.random.isLucky(0.4)) {
        await sleep(this.random.below(8));
      }
    }
    await this.#publish();
    await this.#settle();
  }

  async #killControlPlane(): Promise<void> {
    this.#note('control plane killed');
    this.proxy.target = undefined;
    await this.#controlPlane?.kill();
    for (let count = this.random.below(4); count > 0; count -= 1) {
      this.#note(this.model.step());
    }
    await this.#startControlPlane();
    await this.#settle();
  }

  async #restartEnvoy(): Promise<void> {
    this.#note('Envoy killed');
    await this.steady.pause();
    await this.#envoy?.stop();
    this.#note(this.model.step());
    await this.#publish();
    await this.#startEnvoy();
  }

  /** Envoy keeps the routes that it has; the next ones are taken. */
  async #refusedRoutes(): Promise<void> {
    const name = this.model.referencedRoutes()[0];
    if (name === undefined) {
      await this.#changes();
      return;
    }
    this.#note(`bad routes ${name}`);
    const held = this.#wanted();
    const bad = badRoutes(name);
    const served = this.#served().filter((one) => one.typeUrl !== bad.typeUrl || one.name !== name);
    await this.#controlPlane?.set(nodeId, [...served, bad]);
    await this.#settle([bad], held);
    if (this.random.isLucky(0.3)) {
      this.#note('cut');
      this.proxy.cut();
      await this.#settle([bad], held);
    }
    this.#note(this.model.setRoutes(name));
    await this.#publish();
    await this.#settle();
  }

  /** Envoy takes everything beside it. */
  async #refusedCluster(): Promise<void> {
    const bad = badCluster('bad');
    this.#note('bad cluster beside');
    this.#note(this.model.step());
    await this.#controlPlane?.set(nodeId, [...this.#served(), bad]);
    await this.#settle([bad]);
    this.#note(this.model.step());
    await this.#publish();
    await this.#settle();
  }

  /** A cluster is there before its endpoints. */
  async #lateEndpoints(): Promise<void> {
    const name = `late${this.random.below(3)}`;
    this.#note(this.model.setCluster(name));
    const served = this.#served();
    const early = served.filter((one) => one.typeUrl !== TypeUrl.Endpoint || one.name !== name);
    await this.#controlPlane?.set(nodeId, early);
    await sleep(this.random.below(20));
    await this.#publish();
    await this.#settle();
    this.#note(this.model.removeCluster(name));
    await this.#publish();
    await this.#settle();
  }

  async #startControlPlane(): Promise<void> {
    const isProcess = this.random.isLucky(0.4);
    this.#note(`control plane ${isProcess ? 'as a process' : 'in this process'}`);
    this.#controlPlane = await (isProcess ? KillableControlPlane : ControlPlane).start();
    await this.#publish();
    this.proxy.target = this.#controlPlane.port;
  }

  async #startEnvoy(): Promise<void> {
    this.#envoy = await RealEnvoy.start({
      ...this.variant,
      nodeId,
      xdsPort: this.proxy.port,
      drainSeconds: 0,
    });
    await this.#settle();
    this.steady.start();
  }

  async #publish(): Promise<void> {
    await this.#controlPlane?.set(nodeId, this.#served());
  }

  #served(): TypedResource[] {
    return [...this.untouched, ...this.model.resources()];
  }

  #wanted(): TypedResource[] {
    return [...this.untouched, ...this.model.resources('referenced')];
  }

  /** Everything is acknowledged, or refused as expected; Envoy has it, and answers accordingly. */
  async #settle(refused: readonly TypedResource[] = [], held = this.#wanted()): Promise<void> {
    const accepted = held.filter(
      ({ typeUrl, name }) => !refused.some((one) => one.typeUrl === typeUrl && one.name === name),
    );
    let open: string[] = [];
    await within(
      async () => {
        open = await this.#open(accepted, refused);
        return open.length === 0;
      },
      () => `not acknowledged: ${open.join(', ')}`,
    );
    const expected = linesOf(held);
    let dump: string[] = [];
    await within(
      async () => {
        dump = dumpedLines((await this.#envoy?.configDump()) ?? []);
        return dump.join() === expected.join();
      },
      () =>
        `Envoy lacks ${expected.filter((line) => !dump.includes(line))} and has ${dump.filter((line) => !expected.includes(line))}`,
    );
    await this.#answers();
    this.#settledAt = this.#history.length;
  }

  async #answers(): Promise<void> {
    const all = this.model.answers();
    if (all.length === 0) {
      return;
    }
    const { path, answer } = this.random.pick(all);
    let last = '';
    await within(
      async () => {
        last = await ask(path).catch((error: Error) => error.message);
        return last.startsWith(answer);
      },
      () => `${path} answers ${last} instead of ${answer}`,
    );
  }

  /** What the server still waits for, by its own status. */
  async #open(
    accepted: readonly TypedResource[],
    refused: readonly TypedResource[],
  ): Promise<string[]> {
    const acked = new Set<string>();
    const nacked = new Set<string>();
    const open: string[] = [];
    for (const { types } of (await this.#controlPlane?.status()) ?? []) {
      for (const { typeUrl, resources } of types) {
        for (const { name, sent, acked: has, nack } of resources) {
          if (has !== undefined) {
            acked.add(`${typeUrl} ${name} ${has.version}`);
          }
          if (nack !== undefined) {
            nacked.add(`${typeUrl} ${name} ${nack.version}`);
          } else if (sent !== undefined && has?.version !== sent.version) {
            open.push(`no answer to ${typeUrl} ${name}`);
          }
        }
      }
    }
    const key = ({ typeUrl, name, version }: TypedResource) => `${typeUrl} ${name} ${version}`;
    const expectedNacks = new Set(refused.map(key));
    return [
      ...open,
      ...accepted.map(key).filter((one) => !acked.has(one)),
      ...[...expectedNacks].filter((one) => !nacked.has(one)).map((one) => `a NACK of ${one}`),
      ...[...nacked]
        .filter((one) => !expectedNacks.has(one))
        .map((one) => `unexpected NACK ${one}`),
    ];
  }

  #note(what: string): void {
    this.#stepCount += 1;
    this.#history.push(what);
  }
}

function within(probe: () => Promise<boolean>, missing: () => string): Promise<boolean> {
  return eventually(probe, settleMsMax).catch((error: Error) => {
    throw new Error(`${error.message}: ${missing()}`);
  });
}

describe('a real Envoy has what the model says, after any history', () => {
  it.each<[string, Variant, number]>([
    ['incremental, aggregated', { apiType: 'DELTA_GRPC', delivery: 'aggregated' }, 1],
    ['state of the world, aggregated', { apiType: 'GRPC', delivery: 'aggregated' }, 2],
    ['incremental, own streams', { apiType: 'DELTA_GRPC', delivery: 'separate' }, 3],
  ])('%s', async (title, variant, fixedSeed) => {
    const seed = seeds ?? fixedSeed;
    const world = await World.start(variant, seed);
    try {
      await world.run();
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`${title}, SEED=${seed} STEPS=${steps}: ${message}\n${world.tail()}`);
    } finally {
      await world.stop();
    }
  });
});
