import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadMesh } from './load-mesh.js';
import { formatProblem, MeshError } from './mesh-error.js';

const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const KEY = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mesh-'));
  for (const part of ['mesh.yaml', 'services'])
    await cp(join(HELLO, part), join(directory, part), { recursive: true });
  await mkdir(join(directory, 'policies'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Adds issuers to `mesh.yaml`, in its first line. */
async function believe(...issuers: readonly Record<string, unknown>[]): Promise<void> {
  const path = join(directory, 'mesh.yaml');
  const text = await readFile(path, 'utf8');
  await writeFile(path, `jwt: ${JSON.stringify(issuers)}\n${text}`);
}

async function problems(): Promise<string[]> {
  const error = await loadMesh(directory).catch((thrown: unknown) => thrown);
  if (!(error instanceof MeshError)) throw new Error('no MeshError', { cause: error });
  return error.problems.map(formatProblem);
}

function keyFile(content: unknown): Promise<void> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return writeFile(join(directory, 'policies/keys.json'), text);
}

const issuer = (jwks: Record<string, string>, name = 'https://a.example') => ({
  issuer: name,
  audiences: ['mesh'],
  jwks,
});

it('reads issuers with their keys; a mesh without any has none', async () => {
  expect((await loadMesh(directory)).tokenIssuers).toBeUndefined();
  await keyFile({ keys: [KEY] });
  await believe(issuer({ file: 'policies/keys.json' }));
  expect((await loadMesh(directory)).tokenIssuers).toEqual([
    {
      issuer: 'https://a.example',
      audiences: ['mesh'],
      keys: { kind: 'text', jwks: JSON.stringify({ keys: [KEY] }) },
    },
  ]);
});

it.each<[what: string, content: unknown, problem: string]>([
  ['no JSON', 'keys', 'is not JSON'],
  ['no key', { keys: [] }, 'is no key set: has no key'],
  ['a private key', { keys: [{ ...KEY, d: 'AA' }] }, 'is no key set: holds a private key'],
  ['a symmetric key', { keys: [{ kty: 'oct', k: 'AA' }] }, 'is no key set: kty must be EC'],
])('refuses a key set of %s', async (_, content, problem) => {
  await keyFile(content);
  await believe(issuer({ file: 'policies/keys.json' }));
  expect(await problems()).toEqual([
    expect.stringContaining(`mesh.yaml:1: policies/keys.json ${problem}`),
  ]);
});

it.each<[what: string, jwks: Record<string, string>, problem: string]>([
  ['is missing', { file: 'policies/none.json' }, 'policies/none.json cannot be read: ENOENT'],
  ['nobody watches', { file: 'services/keys.json' }, 'services/keys.json is not below policies/'],
  ['is elsewhere', { file: 'policies/../../keys.json' }, 'is not below policies/'],
  ['is no operation', { operation: 'greeter.keys' }, 'unknown operation greeter.keys'],
  ['is asked with a path', { operation: 'greeter.greet' }, 'cannot answer with a key set'],
])('refuses a key set that %s', async (_, jwks, problem) => {
  await believe(issuer(jwks));
  expect(await problems()).toEqual([expect.stringContaining(problem)]);
});

describe('a key set outside', () => {
  const file = 'services/outside/service.yaml';
  const url = 'https://login.example.com/keys.json';
  const way = { url, egress: 'outside' };

  beforeEach(async () => {
    await mkdir(join(directory, 'services/outside'));
    const service = {
      apiVersion: 'dotline/v1',
      ...{ name: 'outside', team: 'hosts', product: 'hello', tier: 'standard' },
      description: 'The way out',
      egress: { hosts: [{ host: 'login.example.com:443' }, { host: 'other.example:8443' }] },
      operations: [
        {
          name: 'keys',
          class: 'read',
          host: 'login.example.com:443',
          method: 'GET',
          path: '/keys.json',
        },
        { name: 'all', class: 'read', host: 'other.example:8443', method: 'GET', path: '/**' },
      ],
      placement: ['cell-1'],
    };
    await writeFile(join(directory, file), JSON.stringify(service));
  });

  it('is the operation of an egress service that asks for exactly this', async () => {
    await believe(issuer({ ...way, cache: '10m' }), issuer({ operation: 'outside.keys' }, 'b'));
    const keys = (await loadMesh(directory)).tokenIssuers?.map((each) => each.keys);
    const operation = { kind: 'operation', operation: 'outside.keys' };
    expect(keys).toEqual([{ ...operation, cacheMs: 600_000 }, operation]);
  });

  it.each<[what: string, jwks: Record<string, string>, problem: string]>([
    [
      'of a host that the egress service may not reach',
      { ...way, url: 'https://evil.example/keys.json' },
      `mesh.yaml:1: egress service outside may not reach evil.example:443 (add { host: "evil.example:443" } to egress.hosts in ${file})`,
    ],
    ['by another port', { ...way, url: url.replace('/keys', ':444/keys') }, 'may not reach login'],
    ['without an egress service', { ...way, egress: 'inside' }, 'unknown service inside'],
    ['through a program', { ...way, egress: 'greeter' }, 'no egress service: greeter'],
    [
      'of a path that is no operation',
      { ...way, url: 'https://other.example:8443/keys.json' },
      'outside has no operation GET other.example:8443/keys.json (add { name: keys',
    ],
    ['of many paths', { operation: 'outside.all' }, 'outside.all cannot answer with a key set'],
    ['in plain', { ...way, url: 'http://login.example.com/keys.json' }, 'must be https://'],
    [
      'with a password',
      { ...way, url: 'https://a:b@login.example.com/keys.json' },
      'must be https',
    ],
    ['kept for too long', { ...way, cache: '25h' }, 'must be 10s to 24h'],
  ])('is refused %s', async (_, jwks, problem) => {
    await believe(issuer(jwks));
    expect(await problems()).toEqual([expect.stringContaining(problem)]);
  });
});

it('refuses two issuers of one name', async () => {
  await keyFile({ keys: [KEY] });
  await believe(issuer({ file: 'policies/keys.json' }), issuer({ file: 'policies/keys.json' }));
  expect(await problems()).toEqual([
    expect.stringContaining('issuer https://a.example is defined twice'),
  ]);
});
