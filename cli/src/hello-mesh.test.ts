import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { EdgeView, GraphView, SidecarsView, StatusView } from '@dotline/topology-ui/api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { GitClone } from './testing/git-clone.js';
import { ServedRepository } from './testing/served-repository.js';

const DOTLINE = fileURLToPath(new URL('../bin/dotline.js', import.meta.url));
const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const GUESTS = 'policies/teams/guests/guests.rego';
const HOSTS = 'policies/teams/hosts/hosts.rego';
const VISITOR = 'services/hello/visitor/service.yaml';
const GREETER = 'services/hello/greeter/service.yaml';
const ONLY_VISITORS = `package mesh.teams.hosts

request_rules contains {"operation": "greeter.greet"}

# METADATA
# title: Visitors are greeted
allow_request if input.parameters.name == "visitor"
`;
const RENAME_GRANT =
  '\ngrants contains {"operation": "greeter.rename", "caller": {"team": "guests"}}\n';
const RENAME_NEED = '\nneeds contains {"service": "visitor", "operation": "greeter.rename"}\n';
/** A valid path of which Envoy will not make a matcher. */
const UNUSABLE_PATH = `/v1/${Array.from({ length: 1_000 }, (_, index) => `{p${index}}`).join('/')}`;
const run = promisify(execFile);

let mesh: string;
let port: number;
let browser: Browser;
let page: Page;

/** Runs the command as a person would. */
async function dotline(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const environment = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' };
  return run(process.execPath, [DOTLINE, ...args, '--mesh', mesh], { env: environment }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

/** The answer to a request that an app makes through its sidecar's socket. */
async function statusOf(socketPath: string, callee: string, path: string): Promise<number> {
  const call = request({ socketPath, path, headers: { host: callee } });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

async function api<T>(path: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
}

async function liveRevision(): Promise<string> {
  return (await api<StatusView>('/api/status')).revision?.id ?? '';
}

async function eventually(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > untilMs) throw new Error(`did not happen in ${timeoutMs} ms: ${holds}`);
    await sleep(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function processes(): Promise<{ name: string; pid: number }[]> {
  return JSON.parse(await readFile(join(mesh, '.dotline/processes.json'), 'utf8'));
}

beforeAll(async () => {
  mesh = await mkdtemp(join(tmpdir(), 'hello-'));
  for (const part of ['mesh.yaml', 'services', 'policies', 'slo'])
    await cp(join(HELLO, part), join(mesh, part), { recursive: true });
  port = await freePort();
  const up = await dotline('up', '--port', String(port), '--detach');
  expect(up).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`http://127.0.0.1:${port}`),
  });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(`http://127.0.0.1:${port}/`);
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await dotline('down');
  await rm(mesh, { recursive: true, force: true });
}, 60_000);

describe('the hello mesh', () => {
  it('runs, enforced on every sidecar, and is drawn', async () => {
    await eventually(async () => (await dotline('status')).code === 0);
    const status = JSON.parse((await dotline('status', '--json')).stdout) as StatusView;
    expect(status.sidecars.map(({ instance }) => instance).sort()).toEqual([
      'greeter-1',
      'visitor-1',
    ]);
    await eventually(
      async () => (await api<EdgeView[]>('/api/edges'))[0]?.traffic.requestsPerSecond !== 0,
    );
    expect((await dotline('explain', 'visitor', 'greeter')).stdout).toContain(
      'policies/teams/guests/guests.rego:5',
    );
    await page.getByText('2 services · 1 line').waitFor();
    await page.locator('[data-service="greeter"]').waitFor({ state: 'attached' });
  }, 90_000);

  it('takes an edge away when its rule is gone, shows the denied attempts, and gives it back', async () => {
    const rules = await readFile(join(mesh, GUESTS), 'utf8');
    await writeFile(join(mesh, GUESTS), 'package mesh.teams.guests\n');
    await eventually(async () => (await api<GraphView>('/api/graph')).edges.length === 0);
    await eventually(async () =>
      (await api<GraphView>('/api/graph')).denials.some(
        ({ caller, callee, refusedBy }) =>
          caller === 'visitor' && callee === 'greeter' && refusedBy === 'caller',
      ),
    );
    const explained = await dotline('explain', 'visitor', 'greeter');
    expect(explained.code).toBe(1);
    expect(explained.stdout).toContain(
      'needs contains {"service": "visitor", "operation": "greeter.greet"}',
    );

    await writeFile(join(mesh, GUESTS), rules);
    await eventually(async () => (await api<EdgeView[]>('/api/edges')).length === 1);
    await eventually(
      async () => (await api<EdgeView[]>('/api/edges'))[0]?.traffic.requestsPerSecond !== 0,
    );
  }, 90_000);

  it('keeps the last good revision when a rule is nonsense, and says where', async () => {
    const rules = await readFile(join(mesh, GUESTS), 'utf8');
    await writeFile(join(mesh, GUESTS), 'package mesh.teams.guests\n\nneeds contains {\n');
    await eventually(async () => (await dotline('status')).stdout.includes(`${GUESTS}:4: `));
    expect((await api<EdgeView[]>('/api/edges')).map(({ id }) => id)).toEqual(['visitor->greeter']);
    await writeFile(join(mesh, GUESTS), rules);
    await eventually(async () => (await dotline('status')).code === 0);
  }, 90_000);

  it('tells of every sidecar what it was given, and that its Envoy uses just that', async () => {
    const status = await dotline('proxy', 'status');
    expect(status).toMatchObject({ code: 0 });
    expect(status.stdout).toContain('2 of 2 sidecars are synced');
    const one = await dotline('proxy', 'status', 'greeter-1', '--json');
    const [greeter] = (JSON.parse(one.stdout) as SidecarsView).sidecars;
    expect(greeter?.types.map(({ typeUrl }) => typeUrl.split('.').at(-1)).sort()).toEqual([
      'Cluster',
      'ClusterLoadAssignment',
      'Listener',
      'RouteConfiguration',
      'TypedExtensionConfig',
    ]);
    const diff = await dotline('proxy', 'diff', '--all');
    expect(diff).toMatchObject({ code: 0, stderr: '' });
    expect(diff.stdout).toContain('2 of 2 sidecars are equal');
    expect(await dotline('proxy', 'diff', 'greter-1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('greeter-1'),
    });
    expect(await dotline('proxy', 'diff')).toMatchObject({ code: 2 });
  }, 90_000);

  it('waits for a change to be enforced, and names the sidecar that does not answer', async () => {
    const rules = await readFile(join(mesh, GUESTS), 'utf8');
    const before = await liveRevision();
    const envoy = (await processes()).find(({ name }) => name === 'sidecar-visitor-1')?.pid ?? 0;
    process.kill(envoy, 'SIGSTOP');
    try {
      await writeFile(join(mesh, GUESTS), 'package mesh.teams.guests\n');
      await eventually(async () => (await liveRevision()) !== before);
      const lagging = await dotline('wait', 'live', '--for', '2s');
      expect(lagging).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/visitor-1: \w+ not answered since \d+/),
      });
    } finally {
      process.kill(envoy, 'SIGCONT');
    }
    expect(await dotline('wait', 'live', '--for', '30s')).toMatchObject({ code: 0 });
    expect(await dotline('wait', before, '--for', '1s')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is live now'),
    });
    expect((await dotline('proxy', 'diff', '--all')).code).toBe(0);
    await writeFile(join(mesh, GUESTS), rules);
    // The rule as it was is the revision as it was.
    await eventually(async () => (await liveRevision()) === before);
    expect(await dotline('wait', before.slice(0, 7), '--for', '30s')).toMatchObject({ code: 0 });
    expect(await dotline('wait', '0123456789ab', '--for', '300ms')).toMatchObject({ code: 1 });
    expect(await dotline('wait', 'live', '--for', '30')).toMatchObject({ code: 2 });
  }, 120_000);

  it('rolls back in one step, says so, and lets the mesh directory go live again', async () => {
    const rules = await readFile(join(mesh, GUESTS), 'utf8');
    const before = await liveRevision();
    expect(await dotline('rollback', '0123456')).toMatchObject({
      code: 2,
      stdout: 'no revision 0123456 has ever been live\n',
    });
    await writeFile(join(mesh, GUESTS), 'package mesh.teams.guests\n');
    await eventually(async () => (await liveRevision()) !== before);
    const from = await liveRevision();
    const back = await dotline('rollback', '--reason', 'greetings are gone');
    expect(back).toMatchObject({ code: 0, stderr: '' });
    expect(back.stdout).toMatch(
      new RegExp(`^revision ${before} is live again: enforced on 2/2 sidecars in \\d+\\.\\d s\n`),
    );
    expect((await api<EdgeView[]>('/api/edges')).map(({ id }) => id)).toEqual(['visitor->greeter']);
    const status = await dotline('status');
    expect(status.stdout).toContain(`rolled back from ${from} by operator`);
    expect(status.stdout).toContain('greetings are gone');
    expect((await dotline('revisions')).stdout).toContain(`rollback from ${from}`);
    expect((await dotline('rollback', before)).code).toBe(1);
    expect(await dotline('wait', '0123456', '--for', '100ms')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`rolled back from ${from}`),
    });
    await page.locator('.banner.warning', { hasText: 'greetings are gone' }).waitFor();

    expect(await dotline('rollback', '--release')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`revision ${from} is live`),
    });
    expect((await dotline('rollback', '--release')).code).toBe(1);
    await writeFile(join(mesh, GUESTS), rules);
    await eventually(async () => (await liveRevision()) === before);

    const verified = await dotline('audit', 'verify');
    expect(verified).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ entries, head /),
    });
    const head = verified.stdout.trim().split(' ').at(-1) ?? '';
    expect((await dotline('audit', 'verify', '--head', head)).code).toBe(0);
    expect((await dotline('audit', 'verify', '--head', '0'.repeat(64))).code).toBe(1);
    const log = await dotline('audit', 'log', '--since', '1h', '--limit', '500');
    for (const action of ['revision-published', 'revision-rolled-back', 'rollback-ended']) {
      expect(log.stdout).toContain(action);
    }
  }, 90_000);

  it('goes back by itself from what an Envoy refuses, and says why to whoever asks', async () => {
    const before = await liveRevision();
    const service = await readFile(join(mesh, GREETER), 'utf8');
    await writeFile(join(mesh, GREETER), service.replace('/v1/greetings/{name}', UNUSABLE_PATH));
    try {
      await eventually(
        async () => (await api<StatusView>('/api/status')).rollout?.state === 'rolled-back',
      );
      const refused = (await api<StatusView>('/api/status')).rollout?.revision ?? '';
      const reason = new RegExp(
        `revision ${refused} was rolled back to ${before} \\d+\\w+ ago:\n  the sidecar of greeter-1 rejected .*, which comes from ${HOSTS}:5 of team hosts: `,
      );
      for (const question of [
        ['wait', refused],
        ['wait', 'live'],
        ['status'],
        ['rollout', 'status'],
      ]) {
        expect(await dotline(...question)).toMatchObject({
          code: 1,
          stdout: expect.stringMatching(reason),
        });
      }
      await page.locator('.banner.danger', { hasText: `${HOSTS}:5 of team hosts` }).waitFor();
      const log = (await dotline('audit', 'log')).stdout;
      expect(log).toMatch(/control plane +revision-rolled-back .*greeter-1 rejected/);
      expect(await liveRevision()).toBe(before);
    } finally {
      await writeFile(join(mesh, GREETER), service);
    }
    await eventually(async () => (await dotline('wait', 'live', '--for', '1s')).code === 0);
  }, 90_000);

  it('names revision, team and rule of what an Envoy refuses of a removal, which stays', async () => {
    const before = await liveRevision();
    const service = await readFile(join(mesh, GREETER), 'utf8');
    const [guests, hosts] = await Promise.all(
      [GUESTS, HOSTS].map((file) => readFile(join(mesh, file), 'utf8')),
    );
    await writeFile(join(mesh, HOSTS), `${hosts}${RENAME_GRANT}`);
    await writeFile(join(mesh, GUESTS), `${guests}${RENAME_NEED}`);
    await eventually(async () =>
      (await api<EdgeView[]>('/api/edges')).some(({ operations }) => operations.length === 2),
    );
    expect(await dotline('wait', 'live', '--for', '30s')).toMatchObject({ code: 0 });
    await writeFile(join(mesh, GREETER), service.replace('/v1/greetings/{name}', UNUSABLE_PATH));
    await writeFile(join(mesh, GUESTS), guests ?? '');
    const banner = page.locator('.banner.danger');
    try {
      // The callee is to let in the new path first, so a caller may never hear of it.
      await eventually(async () =>
        (await dotline('proxy', 'status')).stdout.includes(
          'greeter-1 refuses route configuration inbound',
        ),
      );
      const refused = await liveRevision();
      expect(refused).not.toBe(before);
      const status = await dotline('proxy', 'status');
      expect(status.code).toBe(1);
      expect(status.stdout).toContain(`of revision ${refused}`);
      expect(status.stdout).toContain(`from ${HOSTS}:5 of team hosts`);
      expect(await dotline('wait', refused, '--for', '300ms')).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('greeter-1 refuses '),
      });
      await banner.waitFor();
      expect(await banner.textContent()).toContain(`${HOSTS}:5 of team hosts`);

      const diff = await dotline('proxy', 'diff', 'greeter-1');
      expect(diff.code).toBe(1);
      expect(diff.stdout).toContain('route configuration inbound is refused');
      expect(diff.stdout).toContain('extension config inbound-authorization is refused');
      expect(diff.stdout).toContain('match.safe_regex');
      // The bad ones are alone: all others are what the control plane holds.
      expect(diff.stdout.match(/ (is refused|differs|is missing|is at Envoy)/g)).toHaveLength(2);
      const traffic = (await api<EdgeView[]>('/api/edges'))[0]?.traffic;
      expect(traffic?.errorRate).toBe(0);
      expect(traffic?.requestsPerSecond).toBeGreaterThan(0);
    } finally {
      await writeFile(join(mesh, GREETER), service);
      await writeFile(join(mesh, HOSTS), hosts ?? '');
    }
    await eventually(async () => (await liveRevision()) === before);
    expect(await dotline('wait', 'live', '--for', '30s')).toMatchObject({ code: 0 });
    await banner.waitFor({ state: 'detached' });
    await eventually(async () => (await dotline('proxy', 'diff', '--all')).code === 0);
  }, 120_000);

  it('decides single requests as a team says, and keeps the decisions', async () => {
    const { sockets } = await meshFolders(mesh);
    const greet = (name: string) =>
      statusOf(join(sockets, 'visitor-1', 'outbound.sock'), 'greeter', `/v1/greetings/${name}`);
    const rules = join(mesh, 'policies/teams/hosts/requests.rego');
    expect(await greet('stranger')).toBe(200);
    await writeFile(rules, ONLY_VISITORS);
    try {
      await eventually(async () => (await greet('stranger')) === 403);
      expect(await greet('visitor')).toBe(200);
      const decided = async (outcome: string) =>
        (await dotline('policy', 'decisions', '--outcome', outcome)).stdout;
      await eventually(async () => /visitor +greeter.greet/.test(await decided('refused')));
      await eventually(async () => (await decided('allowed')).includes('Visitors are greeted'));
    } finally {
      await rm(rules);
    }
    await eventually(async () => (await greet('stranger')) === 200);
  }, 90_000);

  it('takes a push, refuses one that would deny real traffic, and tells the pusher what is enforced', async () => {
    const served = await ServedRepository.start(mesh);
    const folder = await mkdtemp(join(tmpdir(), 'hello-clone-'));
    try {
      const clone = await GitClone.of(await served.addressFor('gina'), join(folder, 'clone'));
      const rules = await clone.read(GUESTS);
      await clone.git('rm', '-q', GUESTS.replace('.rego', '_test.rego'));
      await clone.commit(GUESTS, 'package mesh.teams.guests\n');
      const refused = await clone.push();
      expect(refused.stderr).toContain('-1 edge visitor → greeter (greeter.greet)');
      expect(refused.stderr).toMatch(/would deny \d+ requests a day of visitor to greeter.greet/);
      expect(refused.stderr).toContain('git push -o cut-traffic');
      expect((await api<EdgeView[]>('/api/edges')).length).toBe(1);

      const cut = await clone.push('-o', 'cut-traffic');
      expect(cut.stderr).toMatch(/enforced on 2\/2 sidecars in \d+\.\d s \(revision \w+\)/);
      expect(await api<EdgeView[]>('/api/edges')).toEqual([]);

      await clone.commit(GUESTS, rules);
      const added = await clone.push();
      expect(added.stderr).toContain('+1 edge visitor → greeter (greeter.greet)');
      expect(added.stderr).toMatch(/enforced on 2\/2 sidecars in \d+\.\d s \(revision \w+\)/);
      const { revision } = await api<StatusView>('/api/status');
      expect(revision?.commit).toBe((await clone.git('rev-parse', 'HEAD')).stdout.trim());

      expect((await dotline('audit', 'log', '--since', '1h')).stdout).toContain('pusher gina');

      // Of what was rolled back, the next commit is told that it is held.
      const rolledBack = (await clone.git('rev-parse', 'HEAD')).stdout.trim();
      await dotline('rollback', '--reason', 'too friendly');
      expect(await dotline('wait', rolledBack)).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/was rolled back to .* by operator .*: too friendly/),
      });
      await clone.commit(VISITOR, (await clone.read(VISITOR)).replace('each second', 'politely'));
      const held = await clone.push();
      expect(held.stderr).toContain('is held, not enforced');
      expect(held.stderr).toContain('need of visitor for greeter.greet (team guests)');
      expect(
        await dotline('wait', (await clone.git('rev-parse', 'HEAD')).stdout.trim()),
      ).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('by pusher gina is held, not enforced'),
      });
      await page.locator('.banner.warning', { hasText: 'Held, not enforced' }).waitFor();
      expect((await dotline('rollback', '--release')).code).toBe(0);

      // Whoever saves a file by hand is heard as before.
      await writeFile(join(mesh, GUESTS), 'package mesh.teams.guests\n');
      await eventually(async () => (await api<EdgeView[]>('/api/edges')).length === 0);
      await writeFile(join(mesh, GUESTS), rules);
      await eventually(async () => (await dotline('status')).code === 0);
    } finally {
      await served.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 120_000);

  it.each([
    'control-plane',
    'collector',
    'clickhouse',
    'postgresql',
    'valkey',
    'sidecar-greeter-1',
    'app-greeter-1',
    'page-server',
  ])(
    'repairs a killed %s',
    async (name) => {
      const before = (await processes()).find((process_) => process_.name === name);
      expect(before).toBeDefined();
      process.kill(before?.pid ?? 0, 'SIGKILL');
      await eventually(async () =>
        (await processes()).some(
          (process_) => process_.name === name && process_.pid !== before?.pid,
        ),
      );
      await eventually(async () => (await dotline('status')).code === 0);
    },
    60_000,
  );

  it('refuses a port that another program has, in one line', async () => {
    const other = await mkdtemp(join(tmpdir(), 'hello-'));
    await cp(join(HELLO, 'mesh.yaml'), join(other, 'mesh.yaml'));
    const child = spawn(
      process.execPath,
      [DOTLINE, 'up', '--mesh', other, '--port', String(port)],
      { env: { ...process.env, NODE_OPTIONS: '' } },
    );
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(3);
    expect(errors.trim()).toBe(
      `port ${port} is taken by another program; end it or choose another port: npm start -- --port ${port + 1}`,
    );
    await rm(other, { recursive: true });
  }, 30_000);

  it('stops without leaving a process', async () => {
    const pids = (await processes()).map(({ pid }) => pid);
    expect(pids.length).toBeGreaterThan(10);
    expect(await dotline('down')).toMatchObject({ code: 0, stdout: 'Stopped.\n' });
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect((await dotline('status')).code).toBe(3);
  }, 60_000);
});
