import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
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

it('refuses two issuers of one name', async () => {
  await keyFile({ keys: [KEY] });
  await believe(issuer({ file: 'policies/keys.json' }), issuer({ file: 'policies/keys.json' }));
  expect(await problems()).toEqual([
    expect.stringContaining('issuer https://a.example is defined twice'),
  ]);
});
