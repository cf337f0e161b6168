import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem } from '@dotline/model/mesh-error';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { meshOf, POLICIES, writeFolder } from './mesh-fixture.js';
import { testPolicies } from './test-policies.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function prepare(files: Readonly<Record<string, string>>) {
  const directory = await writeFolder({ ...POLICIES, ...files });
  folders.push(directory);
  return { mesh: meshOf(directory), tools: { opaPath: process.env.OPA_PATH ?? 'opa' } };
}

describe('testing policies', () => {
  it('passes the tests that the platform ships', async () => {
    const { mesh, tools } = await prepare({});
    const run = await testPolicies(mesh, tools);
    expect(run).toMatchObject({ passed: true, problems: [] });
    expect(run.results.length).toBeGreaterThanOrEqual(8);
    expect(new Set(run.results.map(({ team, outcome }) => `${team} ${outcome}`))).toEqual(
      new Set(['platform passed']),
    );
    expect(run.untested).toEqual(['identity-and-trust', 'pricing', 'rides']);
  });

  it('tells what passed, failed, errored and was skipped, by file and line', async () => {
    const { mesh, tools } = await prepare({
      'policies/teams/rides/rides_test.rego': `package mesh.teams.rides_test

import data.mesh.teams.rides

test_orders_need_a_price if {
	{"service": "orders", "operation": "fare.estimate"} in rides.needs
}

test_there_is_a_catalog if data.catalog.services.orders.tier == "critical"

test_nobody_needs_a_profile if {
	every need in rides.needs { need.operation != "profile.get" }
}

test_conflict if {$"{1}" == "1"; count({"key": value | some value in [1, 2]}) > 0}

todo_test_later if false
`,
    });
    const run = await testPolicies(mesh, tools);
    expect(run.passed).toBe(false);
    const rides = run.results.filter(({ team }) => team === 'rides');
    expect(rides.map(({ name, line, outcome }) => [name, line, outcome])).toEqual([
      ['test_orders_need_a_price', 5, 'passed'],
      ['test_there_is_a_catalog', 9, 'passed'],
      ['test_nobody_needs_a_profile', 11, 'failed'],
      ['test_conflict', 15, 'errored'],
      ['todo_test_later', 17, 'skipped'],
    ]);
    expect(rides[0]).toMatchObject({
      package: 'mesh.teams.rides_test',
      file: 'policies/teams/rides/rides_test.rego',
    });
    expect(rides[3]?.message).toBe('object keys must be unique');
  });

  it('names the place where tests cannot be run at all', async () => {
    const { mesh, tools } = await prepare({
      'policies/teams/rides/rides_test.rego': `package mesh.teams.rides_test

test_it if data.mesh.teams.rides.nope(1)
`,
    });
    const { passed, problems } = await testPolicies(mesh, tools);
    expect(passed).toBe(false);
    expect(problems.map(formatProblem)).toEqual([
      expect.stringMatching(
        /^policies\/teams\/rides\/rides_test\.rego:3: undefined function data\.mesh\.teams\.rides\.nope/,
      ),
    ]);
  });

  it("gives a team's tests no other team's rules", async () => {
    const { mesh, tools } = await prepare({
      'policies/teams/rides/rides_test.rego': `package mesh.teams.rides_test

test_pricing_is_invisible if not data.mesh.teams.pricing
`,
    });
    expect((await testPolicies(mesh, tools)).passed).toBe(true);
  });

  it('runs only what has other files, another catalog or looks at the time, and what failed', async () => {
    const file = 'policies/teams/rides/rides_test.rego';
    const test = (condition: string) =>
      `package mesh.teams.rides_test\n\ntest_it if ${condition}\n`;
    const { mesh, tools } = await prepare({ [file]: test('true') });
    const cacheDirectory = await mkdtemp(join(tmpdir(), 'test-runs-'));
    folders.push(cacheDirectory);
    const run = async (measured = '', of = mesh) => {
      const coverage = (owner: string) => owner === measured;
      return testPolicies(of, { ...tools, cacheDirectory, coverage });
    };
    const first = await run();
    expect(first).toMatchObject({ passed: true, kept: 0 });
    const all = first.results.length;
    expect(await run()).toEqual({ ...first, kept: all });
    // Its coverage was not measured before, and is now.
    expect(await run('rides')).toMatchObject({ kept: all - 1, coverage: [{ team: 'rides' }] });
    expect(await run('rides')).toMatchObject({ kept: all, coverage: [{ team: 'rides' }] });
    expect(await run()).toMatchObject({ kept: all, coverage: [] });
    for (const [condition, passed] of [
      ['time.now_ns() > 0', true],
      ['false', false],
    ] as const) {
      await writeFile(join(mesh.directory, file), test(condition));
      await run();
      expect(await run()).toMatchObject({ passed, kept: all - 1 });
    }
    const services = mesh.services.map((each) => ({ ...each, tier: 'best-effort' as const }));
    expect((await run('', { ...mesh, services })).kept).toBe(0);
  });
});
