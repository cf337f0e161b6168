import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadMesh } from '@dotline/model/load-mesh';
import { planInstances } from '@dotline/runner/instance-plan';
import { loopbackPrefix, meshFolders } from '@dotline/runner/mesh-state';
import { outboundSocket } from '@dotline/sidecar-config/sidecar-directory';
import { benchDirectory } from '../programs.js';
import { type Spread, spread } from '../quantiles.js';

/** What a hundred changes of policy did to traffic that has nothing to do with them. */
export interface PolicyChangeResult {
  readonly changes: number;
  readonly machineLoad: number;
  /** Of the same traffic without and with changes, ms. */
  readonly calm: Spread;
  readonly changing: Spread;
  readonly requests: number;
  /** Requests of the untouched edge that were not answered with 200. */
  readonly failed: number;
  /** From the save to the first request that is answered as the new policy says, ms. */
  readonly effect: Spread;
  /** By sidecar and counter, how much it grew while policies changed. */
  readonly counters: Readonly<Record<string, number>>;
}

const root = dirname(benchDirectory);
const dotline = join(root, 'cli', 'bin', 'dotline.js');
const CHANGES = 100;
const CALM_MS = 30_000;
const BETWEEN_MS = 100;
const EFFECT_MS_MAX = 60_000;
const CONNECTIONS = 8;
/** Between two requests of one connection. */
const PACE_MS = 20;

/** What Envoy counts when a listener is replaced or a connection ends. */
const COUNTERS = [
  'listener_manager.listener_modified',
  'listener_manager.listener_removed',
  'listener_manager.total_listeners_draining',
  'http.inbound.downstream_cx_destroy',
  'http.outbound.downstream_cx_destroy',
  'http.inbound.downstream_cx_drain_close',
  'http.outbound.downstream_cx_drain_close',
  'cluster.greeter.upstream_cx_destroy',
];

/**
 * Runs the hello mesh with one service more, `porter`, whose edge to the greeter is added and removed a hundred
 * times while the visitor calls the greeter over connections that are kept.
 * @throws Error when the mesh does not come up, or a change has no effect in a minute
 */
export async function measurePolicyChange(
  say: (line: string) => void,
): Promise<PolicyChangeResult> {
  const mesh = await mkdtemp(join(tmpdir(), 'dotline-change-'));
  try {
    await writeHelloMesh(mesh);
    say('The hello mesh comes up …');
    run('up', '--mesh', mesh, '--port', String(await freePort()), '--detach');
    return await measure(mesh, say);
  } finally {
    run('down', '--mesh', mesh);
    await rm(mesh, { recursive: true, force: true });
  }
}

async function measure(mesh: string, say: (line: string) => void): Promise<PolicyChangeResult> {
  const { sockets } = await meshFolders(mesh);
  const visitor = new Caller(outboundSocket(sockets, 'visitor-1'));
  const porter = new Caller(outboundSocket(sockets, 'porter-1'));
  try {
    await until(async () => (await visitor.status()) === 200);
    await effectOf(porter, 403);
    say('Traffic without changes …');
    const calm = new Traffic(visitor);
    await sleep(CALM_MS);
    const withoutChanges = await calm.stop();

    say(`Traffic with ${CHANGES} changes …`);
    const before = await countersOf(mesh);
    const traffic = new Traffic(visitor);
    const effects: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const allowed = change % 2 === 0;
      const startedMs = performance.now();
      await writePolicy(mesh, allowed);
      await effectOf(porter, allowed ? 200 : 403);
      effects.push(performance.now() - startedMs);
      await sleep(BETWEEN_MS);
    }
    const withChanges = await traffic.stop();
    const after = await countersOf(mesh);
    return {
      changes: CHANGES,
      machineLoad: loadavg()[0] ?? Number.NaN,
      calm: spread(withoutChanges.ms),
      changing: spread(withChanges.ms),
      requests: withChanges.ms.length,
      failed: withChanges.failed,
      effect: spread(effects),
      counters: Object.fromEntries(
        [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]),
      ),
    };
  } finally {
    visitor.close();
    porter.close();
  }
}

/** Calls the greeter through one sidecar's socket, over connections that are kept. */
class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS + 1 });

  constructor(private readonly socketPath: string) {}

  /** 0 when no answer came. */
  async status(): Promise<number> {
    const call = get({
      socketPath: this.socketPath,
      agent: this.#agent,
      path: '/v1/greetings/bench',
      headers: { host: 'greeter' },
    });
    try {
      const [response]: IncomingMessage[] = await once(call, 'response');
      if (response === undefined) return 0;
      response.resume();
      await once(response, 'end');
      return response.statusCode ?? 0;
    } catch {
      return 0;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Calls at a steady pace until it is stopped. */
class Traffic {
  readonly #ms: number[] = [];
  #failed = 0;
  #stopped = false;
  readonly #loops: Promise<unknown>;

  constructor(caller: Caller) {
    this.#loops = Promise.all(Array.from({ length: CONNECTIONS }, () => this.#loop(caller)));
  }

  async stop(): Promise<{ readonly ms: readonly number[]; readonly failed: number }> {
    this.#stopped = true;
    await this.#loops;
    return { ms: this.#ms, failed: this.#failed };
  }

  async #loop(caller: Caller): Promise<void> {
    while (!this.#stopped) {
      const startedMs = performance.now();
      const status = await caller.status();
      this.#ms.push(performance.now() - startedMs);
      if (status !== 200) this.#failed++;
      await sleep(PACE_MS);
    }
  }
}

async function effectOf(caller: Caller, status: number): Promise<void> {
  await until(async () => (await caller.status()) === status);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + EFFECT_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('the policy has no effect in a minute');
    await sleep(5);
  }
}

async function countersOf(mesh: string): Promise<Map<string, number>> {
  const planned = planInstances(await loadMesh(mesh), loopbackPrefix(mesh), new Map());
  const counters = new Map<string, number>();
  for (const { id, instance } of planned.filter(({ id }) => id !== 'porter-1')) {
    const text = await (await fetch(`http://${instance.adminAddress}/stats`)).text();
    for (const line of text.split('\n')) {
      const [name = '', value] = line.split(': ');
      if (COUNTERS.includes(name)) counters.set(`${id} ${name}`, Number(value));
    }
  }
  return counters;
}

async function writeHelloMesh(mesh: string): Promise<void> {
  const hello = join(root, 'examples', 'hello');
  for (const part of ['mesh.yaml', 'services', 'policies', 'slo']) {
    await cp(join(hello, part), join(mesh, part), { recursive: true });
  }
  const services = join(mesh, 'services', 'hello');
  await cp(join(services, 'visitor'), join(services, 'porter'), { recursive: true });
  const file = join(services, 'porter', 'service.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('name: visitor', 'name: porter'));
  await rm(join(mesh, 'policies', 'teams', 'guests', 'guests_test.rego'));
  await writePolicy(mesh, false);
}

/** Whether the porter needs the greeter, as a file that is saved. */
function writePolicy(mesh: string, needed: boolean): Promise<void> {
  const rule = 'needs contains {"service": "porter", "operation": "greeter.greet"}\n';
  const text = `package mesh.teams.guests\n\n${needed ? rule : ''}`;
  return writeFile(join(mesh, 'policies', 'teams', 'guests', 'porter.rego'), text);
}

function run(...args: string[]): void {
  const { status } = spawnSync(process.execPath, [dotline, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`dotline ${args[0]} ended with ${status}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** For people. */
export function policyChangeReport(result: PolicyChangeResult, machine: string): string {
  const { changes, calm, changing, effect, requests, failed, counters, machineLoad } = result;
  const row = (what: string, { p50, p99, max }: Spread) =>
    `| ${what} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${max.toFixed(1)} |`;
  return [
    `Machine: ${machine}, ${machineLoad.toFixed(1)} after`,
    '',
    `${changes} changes, ${requests} requests of the untouched edge, ${failed} failed`,
    '',
    '| ms | p50 | p99 | max |',
    '|---|--:|--:|--:|',
    row('requests, no changes', calm),
    row('requests, while policies change', changing),
    row('from a save to its effect', effect),
    '',
    'Grown while policies changed (the greeter loses the connections of the porter whose edge goes, half of the changes):',
    ...Object.entries(counters).map(([name, value]) => `  ${name}: ${value}`),
  ].join('\n');
}
