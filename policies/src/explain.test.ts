import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadMesh } from '@dotline/model/load-mesh';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PolicyCompiler } from './compile-policies.js';
import { explain } from './explain.js';
import { meshOf, POLICIES, writeFiles, writeFolder } from './mesh-fixture.js';
import type { PolicyRelations } from './relations.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const EGRESS = fileURLToPath(new URL('../../examples/egress', import.meta.url));

let directory: string;
let compiler: PolicyCompiler;

beforeAll(async () => {
  directory = await writeFolder({
    ...POLICIES,
    'policies/teams/rides/phone.rego': `package mesh.teams.rides

needs contains {"service": "orders", "operation": "profile.get-phone", "purpose": "support", "optional": true}
`,
    'policies/teams/identity-and-trust/phone.rego': `package mesh.teams.identity_and_trust

grants contains {"operation": "profile.get-phone", "caller": {"tier": "critical"}}
`,
  });
  compiler = new PolicyCompiler({
    opaPath: process.env.OPA_PATH ?? 'opa',
    cacheDirectory: `${directory}/.dotline`,
  });
});
afterAll(async () => {
  await compiler.close();
  await rm(directory, { recursive: true, force: true });
});

async function explained(from: string, to: string) {
  const mesh = meshOf(directory);
  const compiled = await compiler.compile(mesh);
  const stored: PolicyRelations = JSON.parse(JSON.stringify(compiled));
  const explanation = explain(mesh, stored, from, to);
  expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
  return explanation;
}

describe('an explanation', () => {
  it('shows an edge with its proof, and what its other operations lack', async () => {
    const { verdict, summary, edge, operations } = await explained('orders', 'fare');
    expect([verdict, summary]).toEqual(['allowed', 'orders may use fare.estimate']);
    expect(edge?.operations[0]?.need.title).toBe('An order needs a price');
    expect(operations.map(({ operation, state }) => [operation, state])).toEqual([
      ['fare.estimate', 'agreed'],
      ['fare.get-estimate', 'blocked'],
    ]);
    expect(operations[0]?.grantedTo).toEqual(['team rides', 'tier critical']);
    expect(operations[1]?.missing).toEqual([
      {
        side: 'need',
        team: 'rides',
        contact: '#rides',
        file: 'policies/teams/rides/needs.rego',
        packageLine: 'package mesh.teams.rides',
        rego: 'needs contains {"service": "orders", "operation": "fare.get-estimate"}',
      },
      {
        side: 'grant',
        team: 'pricing',
        contact: '#pricing',
        file: 'policies/teams/pricing/policy.rego',
        packageLine: 'package mesh.teams.pricing',
        rego: 'grants contains {"operation": "fare.get-estimate", "caller": {"service": "orders"}}',
      },
    ]);
  });

  it('names a new file where a team has none', async () => {
    const { verdict, summary, operations } = await explained('profile', 'promotions');
    expect([verdict, summary]).toEqual([
      'blocked',
      'profile may not talk to promotions: promotions.list lacks a need of team identity-and-trust and a grant of team pricing',
    ]);
    expect(operations[0]?.missing[0]).toMatchObject({
      file: 'policies/teams/identity-and-trust/needs.rego',
      packageLine: 'package mesh.teams.identity_and_trust',
    });
  });

  it('takes a host outside of the mesh for the egress service that reaches it', async () => {
    const mesh = await loadMesh(EGRESS);
    const relations = await compiler.compile(mesh);
    for (const host of ['example.com', 'example.com:443', 'web']) {
      expect(explain(mesh, relations, 'reader', host)).toMatchObject({
        to: 'web',
        summary: 'reader may use web.front-page',
      });
    }
    expect(explain(mesh, relations, 'reader', 'example.org').verdict).toBe('unknown');
  });

  it('names the guardrail that refuses what both sides agreed on', async () => {
    const { verdict, operations } = await explained('orders', 'profile');
    expect(verdict).toBe('allowed');
    expect(operations.map(({ operation, state }) => [operation, state])).toEqual([
      ['profile.get', 'agreed'],
      ['profile.get-phone', 'refused'],
    ]);
    expect(operations[1]).toMatchObject({
      need: { file: 'policies/teams/rides/phone.rego', line: 3 },
      grant: { file: 'policies/teams/identity-and-trust/phone.rego', line: 3 },
      refusals: [{ reason: expect.stringContaining('personal data') }],
      missing: [],
    });
  });

  it('leads to an edge when its lines are pasted where it says', async () => {
    const { operations } = await explained('rider-app', 'fare');
    const missing = operations.find(({ operation }) => operation === 'fare.get-estimate')?.missing;
    expect(missing).toHaveLength(2);
    for (const { file, rego, packageLine } of missing ?? []) {
      expect(POLICIES[file]).toMatch(new RegExp(`^${packageLine}$`, 'm'));
      await writeFiles(directory, { [file]: `${POLICIES[file]}\n${rego}\n` });
    }
    expect((await explained('rider-app', 'fare')).verdict).toBe('allowed');
  });

  it('says what an unknown service was probably meant to be', async () => {
    expect(await explained('oders', 'fare')).toEqual({
      from: 'oders',
      to: 'fare',
      verdict: 'unknown',
      summary: 'there is no service oders (did you mean orders?)',
      operations: [],
    });
  });
});
