import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { EdgeView } from '@dotline/topology-ui/api';
import type { AllowedTrafficView, PreviewView } from '@dotline/topology-ui/policy-view';
import type { ShadowOperationView, ShadowView } from '@dotline/topology-ui/shadow-view';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GUESTS, HelloCheckout } from './testing/hello-checkout.js';

jest.setTimeout(300_000);

const SEEN_WITHIN_MS = 120_000;

let hello: HelloCheckout;
let address: string;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

async function allowedOperations(): Promise<string[]> {
  const answer = await fetch(`${address}/api/traffic/allowed`);
  const { operations = [] } = (await answer.json()) as Partial<AllowedTrafficView>;
  return operations.map(({ operation }) => operation);
}

beforeAll(async () => {
  hello = await HelloCheckout.create();
  await hello.branch('quiet', 'package mesh.teams.guests\n');
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  expect(await hello.dotline('up', '--port', String(port), '--detach')).toMatchObject({ code: 0 });
  const untilMs = Date.now() + SEEN_WITHIN_MS;
  while (!(await allowedOperations().catch((): string[] => [])).includes('greeter.greet')) {
    if (Date.now() > untilMs) throw new Error('no traffic was recorded');
    await sleep(500);
  }
});

afterAll(async () => {
  await hello?.dotline('down');
  await hello?.remove();
});

describe('dotline policy diff against a mesh that runs', () => {
  it('compares the working directory with the live revision', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff');
    expect(stdout).toMatch(
      /^the live revision \([0-9a-f]{12}, commit [0-9a-f]{10}\) → the working directory\n/,
    );
    expect(stdout).toContain('none of what was seen since');
    expect(code).toBe(0);
  });

  it('says which real requests a branch would deny, with the objectives of both sides', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff', 'quiet', '--json');
    const { verdict, preview } = JSON.parse(stdout);
    expect([code, verdict]).toEqual([1, 'unsafe']);
    expect(preview.traffic.denied).toEqual([
      expect.objectContaining({
        caller: 'visitor',
        callee: 'greeter',
        operation: 'greeter.greet',
        cause: 'removed',
        calleeObjectives: ['greeter-availability'],
      }),
    ]);
    expect(preview.traffic.denied[0].requestsPerDay).toBeGreaterThan(0);
    const markdown = await hello.dotline('policy', 'diff', 'live..quiet', '--markdown');
    expect(markdown).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/❌ \*\*not safe: it would deny \d+ requests? a day/),
    });
  });

  it('keeps a preview for the page, and names its address', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff', 'quiet', '--page', '--json');
    const { page, ...printed } = JSON.parse(stdout);
    expect(code).toBe(1);
    const [, id] = page.split('/#/preview/');
    expect(page).toBe(`${address}/#/preview/${id}`);
    const answer = await fetch(`${address}/api/previews/${id}`);
    const kept = (await answer.json()) as PreviewView;
    expect(kept.page).toMatchObject({ head: printed.head, preview: printed.preview });
    expect(kept.page.picture?.services).toHaveLength(2);
  });

  it('finds safe what gives a right back', async () => {
    const { code, stdout } = await hello.dotline('policy', 'diff', 'quiet..main');
    expect(stdout).toContain('added visitor → greeter');
    expect(code).toBe(0);
  });
});

const HOSTS = 'policies/teams/hosts/hosts.rego';

/** Lets visitors rename the house, in a mesh directory where they may only be greeted. */
async function allowRenaming(directory: string): Promise<void> {
  const add = async (file: string, rule: string) =>
    writeFile(join(directory, file), `${await readFile(join(directory, file), 'utf8')}\n${rule}\n`);
  await add(HOSTS, 'grants contains {"operation": "greeter.rename", "caller": {"team": "guests"}}');
  await add(GUESTS, 'needs contains {"service": "visitor", "operation": "greeter.rename"}');
}

/** Has each greeting decided, and allows it to nobody but Ada. */
async function decideGreetings(directory: string): Promise<void> {
  const rules = `
request_rules contains {"operation": "greeter.greet"}

allow_request if input.parameters.name == "ada"
`;
  await writeFile(join(directory, HOSTS), (await readFile(join(directory, HOSTS), 'utf8')) + rules);
}

/** A copy of the mesh directory with other rules; it is gone when the action ends. */
async function withOther<T>(
  change: (directory: string) => Promise<void>,
  action: (directory: string) => Promise<T>,
): Promise<T> {
  const other = `${hello.directory}-other`;
  const filter = (path: string) => !/\.(dotline|git)$/.test(path);
  await cp(hello.directory, other, { recursive: true, filter });
  try {
    await change(other);
    return await action(other);
  } finally {
    await rm(other, { recursive: true });
  }
}

/** Requests to rename the house, through the visitor's sidecar; returns their statuses. */
async function rename(times: number): Promise<number[]> {
  const { sockets } = await meshFolders(hello.directory);
  const socketPath = join(sockets, 'visitor-1', 'outbound.sock');
  const once = () =>
    new Promise<number>((resolve, reject) => {
      const options = {
        socketPath,
        method: 'PUT',
        path: '/v1/house',
        headers: { host: 'greeter' },
      };
      request(options, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  const statuses: number[] = [];
  for (let index = 0; index < times; index++) statuses.push(await once());
  return statuses;
}

/** What the command says once so many requests to rename the house are counted. */
async function judgedRenames(
  requests: number,
): Promise<{ code: number; verdict: string; operation: ShadowOperationView | undefined }> {
  const isRename = ({ operation }: ShadowOperationView) => operation === 'greeter.rename';
  await until('the requests are counted', async () => {
    const { shadow } = (await (await fetch(`${address}/api/shadow`)).json()) as ShadowView;
    return (shadow?.operations.find(isRename)?.requests ?? 0) >= requests;
  });
  const { code, stdout } = await hello.dotline('policy', 'shadow', '--json');
  const { verdict, shadow } = JSON.parse(stdout);
  return { code, verdict, operation: shadow.operations.find(isRename) };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + SEEN_WITHIN_MS;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > untilMs) throw new Error(`not in time: ${what}`);
    await sleep(200);
  }
}

describe('dotline policy shadow', () => {
  it('knows nothing before a revision is staged', async () => {
    expect(await hello.dotline('policy', 'shadow')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('No revision is judged'),
    });
  });

  it('counts the requests that a directory would allow, and lets none of them pass', async () => {
    const started = await withOther(allowRenaming, (other) =>
      hello.dotline('policy', 'shadow', 'start', other),
    );
    expect(started).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('judged on 2/2 sidecars'),
    });
    expect(await rename(7)).toEqual(Array(7).fill(403));
    const { code, verdict, operation } = await judgedRenames(7);
    expect([code, verdict]).toEqual([0, 'safe']);
    expect(operation).toMatchObject({
      ...{ caller: 'visitor', callee: 'greeter' },
      ...{ requests: 7, wouldBeDenied: 0, wouldBeAllowed: 7 },
      live: { allowed: false, need: null, grant: null },
      staged: { allowed: true, need: { file: GUESTS, line: 7 }, grant: { file: HOSTS, line: 7 } },
    });
  });

  it('counts what a branch would deny of a revision that went live after it', async () => {
    await hello.dotline('policy', 'shadow', 'start', 'main');
    await allowRenaming(hello.directory);
    await until('the rules are live', async () => {
      const edges = (await (await fetch(`${address}/api/edges`)).json()) as EdgeView[];
      return edges[0]?.operations.length === 2;
    });
    expect(await hello.dotline('wait', 'live')).toMatchObject({ code: 0 });
    expect(await rename(12)).not.toContain(403);
    const { code, verdict, operation } = await judgedRenames(12);
    expect([code, verdict]).toEqual([1, 'unsafe']);
    expect(operation).toMatchObject({ requests: 12, wouldBeDenied: 12, wouldBeAllowed: 0 });
    const text = await hello.dotline('policy', 'shadow', '--since', '1h');
    expect(text.stdout).toMatch(/greeter\.rename: 12 requests, 12 would be denied, last .* ago/);
    expect(text.stdout).toContain(`live    needed by ${GUESTS}:7, granted by ${HOSTS}:7`);
    expect(text.stdout).toContain('staged  denied: needed by no rule, granted by no rule');
    expect((await hello.dotline('policy', 'shadow', 'stop')).stdout).toMatch(/no longer judged/);
    expect((await hello.dotline('policy', 'shadow')).code).toBe(3);
  });

  it('judges by rules about single requests, for which an authorizer comes up', async () => {
    const { logs } = await meshFolders(hello.directory);
    const authorizer = () => readFile(join(logs, 'authorizer.log'), 'utf8').catch(() => '');
    expect(await authorizer()).toBe('');
    await withOther(decideGreetings, async (other) => {
      expect(await hello.dotline('policy', 'shadow', 'start', other)).toMatchObject({ code: 0 });
    });
    expect(await authorizer()).toContain('listening');
    const isGreeting = ({ operation }: ShadowOperationView) => operation === 'greeter.greet';
    await until('greetings are judged', async () => {
      const { shadow } = (await (await fetch(`${address}/api/shadow`)).json()) as ShadowView;
      return (shadow?.operations.find(isGreeting)?.wouldBeDenied ?? 0) > 0;
    });
    const { code, stdout } = await hello.dotline('policy', 'shadow');
    expect(code).toBe(1);
    expect(stdout).toMatch(/greeter\.greet: \d+ requests?, \d+ would be denied, last/);
    expect(stdout).toContain('each request let through');
    expect(stdout).toContain(`each request decided by ${HOSTS}:`);
    expect((await hello.dotline('policy', 'decisions')).stdout).toContain('nothing was decided');
    expect((await hello.dotline('policy', 'shadow', 'stop')).code).toBe(0);
  });

  it('names what it cannot stage', async () => {
    expect(await hello.dotline('policy', 'shadow', 'start', 'nowhere')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Git knows no nowhere'),
    });
  });
});
