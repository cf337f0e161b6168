import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadMesh } from '@dotline/model/load-mesh';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { importPolicies } from './import-policies.js';
import { importedRego } from './imported-rego.js';
import { parseManifests } from './read-manifests.js';

jest.setTimeout(60_000);

const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const opaPath = process.env.OPA_PATH ?? 'opa';

const DEPLOYMENTS = ['greeter', 'visitor', 'stranger']
  .map(
    (name) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: hello }
spec:
  template:
    metadata: { labels: { app.kubernetes.io/name: ${name} } }
    spec: { containers: [{ name: main, ports: [{ name: http, containerPort: 8080 }] }] }
`,
  )
  .join('---\n');

const ONLY_VISITORS = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: only-visitors, namespace: hello }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/name: greeter } }
  ingress:
    - from: [{ podSelector: { matchLabels: { app.kubernetes.io/name: visitor } } }]
      ports: [{ port: http }]
`;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dotline-import-'));
  await cp(HELLO, directory, { recursive: true });
  await rm(join(directory, 'policies'), { recursive: true });
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function imported(...manifests: string[]) {
  const cluster = parseManifests([{ file: 'cluster.yaml', text: manifests.join('---\n') }]);
  return importPolicies(cluster, await loadMesh(directory));
}

describe('NetworkPolicies as needs and grants', () => {
  it('are Rego that compiles to the same edges', async () => {
    const found = await imported(DEPLOYMENTS, ONLY_VISITORS);
    expect(found).toMatchObject({
      edges: [{ caller: { name: 'visitor' }, callee: { name: 'greeter' } }],
      open: ['visitor'],
      unknownPods: ['hello/stranger'],
      missing: [],
    });
    for (const [team, text] of importedRego(found.edges)) {
      const path = join(directory, `policies/teams/${team}/network_policies.rego`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    const compiler = new PolicyCompiler({ opaPath, cacheDirectory: join(directory, '.cache') });
    try {
      const { edges, findings } = await compiler.compile(await loadMesh(directory));
      expect(edges.map(({ id }) => id)).toEqual(['visitor->greeter']);
      expect(findings).toEqual([]);
      expect(edges[0]?.operations[0]).toMatchObject({
        need: { team: 'guests', title: 'visitor calls greeter', owner: 'guests' },
        grant: { team: 'hosts', title: 'visitor may call greeter', owner: 'hosts' },
      });
    } finally {
      await compiler.close();
    }
  });

  it('are none where nothing is said: that everybody may is nobody’s consent', async () => {
    const found = await imported(DEPLOYMENTS);
    expect(found).toMatchObject({ edges: [], open: ['greeter', 'visitor'] });
  });

  it('are none where another policy of the other end forbids it', async () => {
    const shut = ONLY_VISITORS.replace('only-visitors', 'no-way-out')
      .replace('app.kubernetes.io/name: greeter', 'app.kubernetes.io/name: visitor')
      .replace(/ {2}ingress:[\s\S]*/, '  policyTypes: [Egress]\n');
    expect(await imported(DEPLOYMENTS, ONLY_VISITORS, shut)).toMatchObject({ edges: [] });
  });

  it.each([
    [
      'a misspelt selector',
      ONLY_VISITORS.replace(
        'podSelector: { matchLabels: { app.kubernetes.io/name: visitor',
        'podSelectr: { matchLabels: { app.kubernetes.io/name: visitor',
      ),
      /^cluster\.yaml:7: NetworkPolicy: spec\.ingress\.0\.from\.0: .*podSelectr/,
    ],
    [
      'a range without a number',
      ONLY_VISITORS.replace('{ port: http }', '{ port: http, endPort: 90 }'),
      /^cluster\.yaml:8: NetworkPolicy: .*endPort needs a port/,
    ],
    [
      'a block of addresses that is none',
      ONLY_VISITORS.replace(
        '{ podSelector: { matchLabels: { app.kubernetes.io/name: visitor } } }',
        '{ ipBlock: { cidr: 10.0.0.0/99 } }',
      ),
      /^cluster\.yaml:7: NetworkPolicy: .*10\.0\.0\.0\/8/,
    ],
    ['what is no YAML', 'kind: [', /^cluster\.yaml:1: not valid YAML/],
  ])('name file and line of %s', async (_what, text, expected) => {
    const error = await imported(text).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MeshError);
    if (error instanceof MeshError) {
      expect(error.problems.map(formatProblem)).toContainEqual(expect.stringMatching(expected));
    }
  });
});
