import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { endLeftovers, ProcessRegistry, startTimeOf } from './process-registry.js';
import { type Death, Supervisor, SupervisorClosedError } from './supervisor.js';

let directory: string;
let registryPath: string;
let registry: ProcessRegistry;
let deaths: Death[];
let supervisor: Supervisor;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'supervisor-'));
  registryPath = join(directory, 'processes.json');
  registry = new ProcessRegistry(registryPath);
  deaths = [];
  supervisor = new Supervisor(directory, registry, (death) => deaths.push(death));
});

afterEach(async () => {
  await Promise.all(supervisor.names().map((name) => supervisor.stop(name)));
  await registry.flush();
  await rm(directory, { recursive: true, force: true });
});

function node(name: string, script: string) {
  return {
    name,
    command: [process.execPath, '-e', script] as [string, ...string[]],
    environment: { NODE_OPTIONS: '' },
    ready: async () => undefined,
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error('did not happen in 10 s');
}

async function registered(): Promise<{ name: string; pid: number }[]> {
  await registry.flush();
  return JSON.parse(await readFile(registryPath, 'utf8').catch(() => '[]'));
}

describe('Supervisor', () => {
  it('starts a killed process again, later after each death', async () => {
    supervisor.start(node('restless', 'process.exit(3)'));
    await until(() => deaths.length >= 3);
    expect(deaths.slice(0, 3)).toEqual([
      { name: 'restless', reason: 'exit code 3', restartInMs: 200 },
      { name: 'restless', reason: 'exit code 3', restartInMs: 400 },
      { name: 'restless', reason: 'exit code 3', restartInMs: 800 },
    ]);
  });

  it('reports a program that does not exist and goes on trying', async () => {
    supervisor.start({
      name: 'missing',
      command: ['/no/such/program'],
      environment: {},
      ready: async () => undefined,
    });
    await until(() => deaths.length >= 2);
    expect(deaths[0]?.reason).toMatch(/ENOENT/);
  });

  it('keeps what a process prints', async () => {
    supervisor.start(node('talker', 'console.log("hello"); setInterval(() => {}, 1000)'));
    await until(
      async () =>
        (await readFile(join(directory, 'talker.log'), 'utf8').catch(() => '')) === 'hello\n',
    );
  });

  it('starts nothing more once it is closed', () => {
    supervisor.close();
    expect(() => supervisor.start(node('late', ''))).toThrow(SupervisorClosedError);
    expect(supervisor.names()).toEqual([]);
  });

  it('ends a process that ignores SIGTERM, with everything that it started', async () => {
    const script = `process.on("SIGTERM", () => {}); const c = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]); console.log(c.pid); setInterval(() => {}, 1000)`;
    supervisor.start(node('stubborn', script));
    let grandchild = 0;
    await until(async () => {
      grandchild = Number(await readFile(join(directory, 'stubborn.log'), 'utf8').catch(() => ''));
      return grandchild > 0;
    });
    await supervisor.stop('stubborn');
    await until(() => startTimeOf(grandchild) === undefined);
    expect(supervisor.names()).toEqual([]);
    expect(await registered()).toEqual([]);
  }, 15_000);
});

describe('endLeftovers', () => {
  it('ends what an earlier runner left, and nothing that merely has its process id', async () => {
    supervisor.start(node('left', 'setInterval(() => {}, 1000)'));
    await until(async () => (await registered()).length === 1);
    const [left] = await registered();
    const stale = join(directory, 'stale.json');
    await writeFile(stale, JSON.stringify([{ name: 'other', pid: left?.pid, startTime: '1' }]));
    expect(await endLeftovers(stale)).toEqual([]);
    expect(supervisor.isAlive('left')).toBe(true);
    expect(await endLeftovers(registryPath)).toEqual(['left']);
    await until(() => deaths.length === 1);
  });

  it('finds nothing where nobody ran', async () => {
    expect(await endLeftovers(join(directory, 'none.json'))).toEqual([]);
  });
});
