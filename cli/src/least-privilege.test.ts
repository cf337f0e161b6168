import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { storePreview } from '@dotline/control-plane/preview-store';
import { publishRevision } from '@dotline/control-plane/revision-store';
import { loadMesh } from '@dotline/model/load-mesh';
import { makeRevision } from '@dotline/model/revision';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import type { PolicyUsageView } from '@dotline/topology-ui/policy-view';
import { RunningPageServer } from '@dotline/topology-ui/testing/running-page-server';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GUESTS, HelloCheckout, type Ran } from './testing/hello-checkout.js';

jest.setTimeout(120_000);

const HOSTS = 'policies/teams/hosts/hosts.rego';
const DAY_MS = 86_400_000;
const AUTHOR = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

let hello: HelloCheckout;
let running: RunningPageServer;

function policy(...args: readonly string[]): Promise<Ran> {
  return hello.dotline('policy', ...args, '--address', running.address);
}

async function git(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['-C', hello.directory, ...args]);
  return stdout.trim();
}

/** One request of the visitor, so many days ago. */
async function record(daysAgo: number, request: Readonly<Record<string, unknown>>): Promise<void> {
  const time = new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, -1).replace('T', ' ');
  const names = { caller: 'visitor', callee: 'greeter', edge: 'visitor->greeter' };
  await running.clickhouse.insert({
    table: 'dotline.access_log',
    format: 'JSONEachRow',
    values: [
      {
        ...{ time, reporter: 'source', ...names, authorization: 'allowed', method: 'GET' },
        ...{ path: '/', status: 200, request_id: crypto.randomUUID(), ...request },
      },
    ],
  });
}

/** Makes what the checkout says the live revision, since so many days. */
async function publish(daysAgo: number): Promise<void> {
  const mesh = await loadMesh(hello.directory);
  const compiler = new PolicyCompiler({
    opaPath: process.env.OPA_PATH ?? 'opa',
    cacheDirectory: join(hello.directory, '.dotline/policy-cache'),
  });
  const { edges, findings, needs, grants, baseline, refused } = await compiler.compile(mesh);
  await compiler.close();
  const revision = makeRevision({ mesh, edges, createdAtMs: Date.now() }, undefined);
  const relations = { needs, grants, baseline, refused };
  await publishRevision(running.database, { revision, relations, findings });
  await running.database.query(
    `update control_plane.rollouts set live_at = now() - interval '${daysAgo} days'`,
  );
  await running.eventually('the revision', async () => {
    const { body } = await running.get<PolicyUsageView>('/api/policies/usage');
    return body.revision === revision.id ? true : undefined;
  });
}

beforeAll(async () => {
  Object.assign(process.env, AUTHOR);
  [hello, running] = await Promise.all([HelloCheckout.create(), RunningPageServer.start()]);
  await rm(join(hello.directory, 'policies/teams/guests/guests_test.rego'));
  await rm(join(hello.directory, 'policies/teams/hosts/hosts_test.rego'));
  await writeFile(
    join(hello.directory, GUESTS),
    `${await hello.rules()}\n# METADATA\n# title: A house may get a name\nneeds contains {"service": "visitor", "operation": "greeter.rename"}\n`,
  );
  const grants = join(hello.directory, HOSTS);
  const text = await readFile(grants, 'utf8');
  await writeFile(
    grants,
    `${text}\n# METADATA\n# title: Guests name the house\ngrants contains {"operation": "greeter.rename", "caller": {"service": "visitor"}}\n`,
  );
  await git('add', '-A');
  await git('commit', '-q', '-m', 'names');
  await publish(40);
});

afterAll(async () => {
  await running?.stop();
  await hello?.remove();
  for (const name of Object.keys(AUTHOR)) delete process.env[name];
});

describe('a mesh without records', () => {
  it('is not judged', async () => {
    expect(await policy('unused')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no request was recorded yet'),
    });
  });
});

it('a preview is kept once, until its time is over', async () => {
  const page = {
    base: 'a',
    head: 'b',
    verdict: 'safe',
    problems: [],
    preview: null,
    picture: null,
    waysLeftOut: 0,
  };
  const { id } = await storePreview(running.database, page);
  expect(await storePreview(running.database, page)).toMatchObject({ id });
  const address = `/api/previews/${id}`;
  expect(await running.get(address)).toMatchObject({ status: 200, body: { id, page } });
  await running.database.query(
    "update control_plane.previews set expires_at = now() - '1 s'::interval",
  );
  expect(await running.get(address)).toMatchObject({
    status: 404,
    body: { error: `there is no preview ${id}` },
  });
});

describe('a mesh with records', () => {
  beforeAll(async () => {
    await record(1, { operation: 'greeter.greet' });
    await record(10, { operation: 'greeter.greet' });
    const denied = { operation: 'denied', authorization: 'denied', status: 403 };
    await record(1, { ...denied, method: 'GET', path: '/v1/nothing' });
    await record(1, { ...denied, caller: 'greeter', callee: 'visitor', path: '/v1/guests' });
  });

  it('policy unused tells what nobody used, with its rules, and how far records go back', async () => {
    const { code, stdout } = await policy('unused');
    expect(code).toBe(1);
    expect(stdout).toContain('records begin only at');
    expect(stdout).toMatch(
      /visitor → greeter \(2 by its other operations\) +greeter\.rename +0 +never +\S+ +policies\/teams\/guests\/guests\.rego:9 +policies\/teams\/hosts\/hosts\.rego:9 +guests, hosts/,
    );
    const week = JSON.parse((await policy('unused', '--days', '7', '--json')).stdout);
    expect(week).toMatchObject({
      unused: 1,
      tooYoung: 0,
      historyIsWhole: true,
      edges: [{ requests: 1, operations: [{ operation: 'greeter.rename' }] }],
    });
  });

  it('policy prune makes no branch while records are too short', async () => {
    const { code, stdout } = await policy('prune');
    expect(code).toBe(1);
    expect(stdout).toContain('no branch: records do not go back to the start of the window');
    expect(await git('branch', '--format=%(refname:short)')).toBe('main');
  });

  it('policy prune makes a branch without the rules, which takes away that alone', async () => {
    const status = await git('status', '--porcelain');
    const { code, stdout } = await policy('prune', '--days', '7', '--branch', 'less');
    expect([code, stdout]).toEqual([0, expect.stringContaining('branch less (')]);
    expect(stdout).toContain('visitor → greeter.rename');
    expect(await git('diff', '--stat', '--format=', 'main', 'less')).toMatch(
      /2 files changed, 8 deletions\(-\)/,
    );
    expect(await git('log', '-1', '--format=%B', 'less')).toContain(
      'visitor → greeter.rename (never seen)',
    );
    expect(stdout).toMatch(/\d+ of 169 hours have no record at all/);
    expect(await git('status', '--porcelain')).toBe(status);
  });

  it('policy suggest writes rules for what was denied, which pass policy check in a copy', async () => {
    // What is denied is an operation that nothing allows any more.
    await git('checkout', '-q', 'less');
    const mesh = await loadMesh(hello.directory);
    const rename = mesh.services
      .flatMap((service) => service.operations)
      .find(({ id }) => id === 'greeter.rename');
    const denied = { operation: 'denied', authorization: 'denied', status: 403 };
    for (let count = 0; count < 3; count += 1)
      await record(0.5, { ...denied, method: rename?.method, path: rename?.path });
    const copy = `${hello.directory}-copy`;
    try {
      await cp(hello.directory, copy, { recursive: true });
      const { code, stdout } = await policy('suggest', '--out', copy);
      expect(code).toBe(0);
      expect(stdout.match(/^wrote .*\.rego$/gm)).toHaveLength(2);
      expect(stdout).toContain('visitor → greeter GET /v1/nothing, 1 request');
      expect(stdout).toContain('greeter → visitor GET /v1/guests, 1 request');
      const checked = await hello.dotline('policy', 'check', '--mesh', copy);
      expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('0 errors')]);
    } finally {
      await rm(copy, { recursive: true, force: true });
      await git('checkout', '-q', 'main');
    }
  });
});
