import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { catalogOf } from './catalog.js';
import { CompileFixture } from './compile-fixture.js';
import { meshOf, POLICIES, writeFiles } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

describe('edges', () => {
  it('are needs that somebody grants, with the rule of each side', async () => {
    const { edges, findings, refused } = await fixture.compile();
    expect(
      edges.map(({ id, operations }) => [id, operations.map((each) => each.operation)]),
    ).toEqual([
      ['orders->fare', ['fare.estimate']],
      ['orders->profile', ['profile.get']],
      ['rider-app->orders', ['orders.create', 'orders.get']],
      ['rider-app->profile', ['profile.get']],
    ]);
    expect(edges[0]?.operations).toEqual([
      {
        operation: 'fare.estimate',
        need: {
          team: 'rides',
          file: 'policies/teams/rides/needs.rego',
          line: 5,
          title: 'An order needs a price',
        },
        // The grant to the team is narrower than the grant to the tier above it.
        grant: { team: 'pricing', file: 'policies/teams/pricing/policy.rego', line: 5 },
      },
    ]);
    expect([findings, refused]).toEqual([[], []]);
  });

  it('do not exist where one side is missing; findings say so', async () => {
    const { edges, findings } = await fixture.compile({
      'policies/teams/pricing/policy.rego': `package mesh.teams.pricing

grants contains {"operation": "promotions.list", "caller": {"service": "rider-app"}}
`,
    });
    expect(edges.map((edge) => edge.id)).not.toContain('orders->fare');
    expect(findings).toMatchObject([
      {
        kind: 'unused-grant',
        team: 'pricing',
        grant: { operation: 'promotions.list', witness: { line: 3 } },
      },
      {
        kind: 'ungranted-need',
        team: 'rides',
        need: { service: 'orders', operation: 'fare.estimate', witness: { line: 5 } },
      },
    ]);
  });

  it('do not exist where a shipped guardrail refuses them', async () => {
    const { edges, refused, findings } = await fixture.compile({
      'policies/teams/rides/more.rego': `package mesh.teams.rides

needs contains {"service": "orders", "operation": "profile.get-phone", "purpose": "support", "optional": true}

needs contains {"service": "rider-app", "operation": "profile.get-phone", "purpose": "support"}

needs contains {"service": "orders", "operation": "promotions.list"}
`,
      'policies/teams/identity-and-trust/phone.rego': `package mesh.teams.identity_and_trust

grants contains {"operation": "profile.get-phone", "caller": {"product": "rides"}}

grants contains {"operation": "profile.get-phone", "caller": {"service": "rider-app"}}
`,
      'policies/teams/pricing/promotions.rego': `package mesh.teams.pricing

grants contains {"operation": "promotions.list", "caller": {"service": "orders"}}
`,
    });
    expect(refused).toEqual([
      {
        caller: 'orders',
        callee: 'profile',
        operation: 'profile.get-phone',
        reason:
          'profile.get-phone is personal data, so it may be granted only to named services, not to a product',
        guardrail: expect.objectContaining({
          team: 'platform',
          file: '@dotline/policies/platform/guardrails.rego',
          title: 'Personal data is granted to named services only',
        }),
      },
      expect.objectContaining({
        caller: 'orders',
        operation: 'promotions.list',
        reason:
          'orders is critical and may not depend on promotions.list of promotions, which is best-effort; if it works on without it, its need says "optional": true',
      }),
    ]);
    expect(findings.map((finding) => finding.kind)).toEqual([
      'guardrail-refused',
      'guardrail-refused',
    ]);
    const phone = edges.filter((edge) =>
      edge.operations.some(({ operation }) => operation === 'profile.get-phone'),
    );
    expect(phone.map((edge) => edge.id)).toEqual(['rider-app->profile']);
    // The named grant proves the edge, although the grant to the product stands above it.
    expect(phone[0]?.operations.at(-1)?.grant.line).toBe(5);
  });

  it('keep the limits of the mesh, or nothing of the change is enforced', async () => {
    const mesh = meshOf(await fixture.folder(POLICIES));
    const compile = (limits: { fanIn: number; fanOut: number }) =>
      fixture.compiler.compile({ ...mesh, limits });
    expect((await compile({ fanIn: 2, fanOut: 2 })).edges.length).toBeGreaterThan(0);
    await expect(compile({ fanIn: 1, fanOut: 2 })).rejects.toThrow(
      /^policies\/teams\/rides\/needs.rego:7: profile would be called by 2 services, more than 1 \(.*limits\.fanIn/,
    );
  });

  it("come from the mesh's own baseline too, and its own guardrails refuse them too", async () => {
    const baseline = {
      'policies/platform/baseline.rego': `package mesh.platform.baseline

# METADATA
# title: Everybody lists promotions
allow contains {"service": service.name, "operation": "promotions.list"} if {
	some service in data.catalog.services
	service.tier == "standard"
}
`,
    };
    const { edges } = await fixture.compile(baseline);
    const witness = {
      team: 'platform',
      file: 'policies/platform/baseline.rego',
      line: 5,
      title: 'Everybody lists promotions',
    };
    const allowed = edges.filter((edge) => edge.callee === 'promotions');
    expect(allowed.map((edge) => edge.caller)).toEqual(['profile', 'rider-app']);
    expect(allowed[0]?.operations).toEqual([
      { operation: 'promotions.list', need: witness, grant: witness },
    ]);

    const guarded = await fixture.compile({
      ...baseline,
      'policies/platform/ours.rego': `package mesh.platform.guardrails

deny contains {"caller": "profile", "operation": "promotions.list", "reason": "no"} if {
	input.candidates != []
}
`,
    });
    const left = guarded.edges.filter((edge) => edge.callee === 'promotions');
    expect(left.map((edge) => edge.caller)).toEqual(['rider-app']);
    expect(guarded.refused.map(({ guardrail }) => guardrail.file)).toEqual([
      'policies/platform/ours.rego',
    ]);
  });

  it('are none in a mesh without policies', async () => {
    const directory = await fixture.folder({ 'mesh.yaml': '' });
    expect(await fixture.compiler.compile(meshOf(directory))).toMatchObject({
      needs: [],
      grants: [],
      baseline: [],
      refused: [],
      edges: [],
      findings: [],
    });
  });

  it('are plain data', async () => {
    const compiled = await fixture.compile();
    expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled);
  });
});

describe('witnesses', () => {
  it('are exact for every form of a rule', async () => {
    const file = 'policies/teams/rides/forms.rego';
    const { needs } = await fixture.compile({
      'policies/teams/rides/needs.rego': 'package mesh.teams.rides\n',
      [file]: `# METADATA
# title: The package
package mesh.teams.rides

import data.catalog as everything

needs contains {"service": "orders", "operation": "fare.estimate"}

needs contains {
	"service": "orders", # "needs contains" in a comment
	"operation": concat(".", ["fare", "get-estimate"]),
} if some name in {"fare"}

# METADATA
# title: "Ünïcode: {\\"quoted\\"}"
# description: more
needs contains  need if {
	need := {"service": "orders", "operation": \`profile.get\`}
	not everything.services["}"]
} # the end

needs contains object.union({"service": "rider-app"}, {"operation": operation}) if {
	some operation in ["orders.get"]
	every service in everything.services { service.name != "" }
}

needs contains # here
	(need) if { some need in [{"service": "rider-app", "operation": "orders.create"}] }
needs contains {"service": "rider-app", "operation": $"profile.{part}"} if part := "get"
`,
    });
    expect(
      needs.map(({ service, operation, witness }) => [
        service,
        operation,
        witness.line,
        witness.title,
      ]),
    ).toEqual([
      ['orders', 'fare.estimate', 7, undefined],
      ['orders', 'fare.get-estimate', 9, undefined],
      ['orders', 'profile.get', 17, 'Ünïcode: {"quoted"}'],
      ['rider-app', 'orders.create', 27, undefined],
      ['rider-app', 'orders.get', 22, undefined],
      ['rider-app', 'profile.get', 29, undefined],
    ]);
  });

  it('stay two when two rules emit the same; the smallest proves the edge', async () => {
    const need = 'needs contains {"service": "orders", "operation": "fare.estimate"}';
    const { needs, edges } = await fixture.compile({
      'policies/teams/rides/needs.rego': `package mesh.teams.rides\n\n\n${need}\n\n${need}\n`,
      'policies/teams/rides/also.rego': `package mesh.teams.rides\n\n\n\n\n\n\n${need}\n`,
    });
    expect(needs.map(({ witness }) => [witness.file, witness.line])).toEqual([
      ['policies/teams/rides/also.rego', 8],
      ['policies/teams/rides/needs.rego', 4],
      ['policies/teams/rides/needs.rego', 6],
    ]);
    expect(edges[0]?.operations[0]?.need.file).toBe('policies/teams/rides/also.rego');
  });

  it('carry the commit of their file, guardrails included', async () => {
    const deny = 'policies/platform/ours.rego';
    const directory = await fixture.folder({
      ...POLICIES,
      [deny]: `package mesh.platform.guardrails

deny contains {"caller": "orders", "operation": "fare.estimate", "reason": "no"}
`,
    });
    const git = async (...args: string[]) => {
      const identity = ['-c', 'user.name=T', '-c', 'user.email=t@example.com'];
      return (await execa('git', [...identity, ...args], { cwd: directory })).stdout;
    };
    await git('init', '-q');
    await git('add', '-A');
    await git('commit', '-q', '-m', 'Policies');
    const commit = await git('rev-parse', 'HEAD');
    const pricing = 'policies/teams/pricing/policy.rego';
    await writeFiles(directory, { [pricing]: `${POLICIES[pricing]}\n# Not committed.\n` });
    const { needs, grants, refused } = await fixture.compiler.compile(meshOf(directory));
    expect(new Set(needs.map(({ witness }) => witness.commit))).toEqual(new Set([commit]));
    for (const { witness } of grants) {
      expect(witness.commit).toBe(witness.file === pricing ? undefined : commit);
    }
    expect(refused.map(({ guardrail }) => [guardrail.file, guardrail.commit])).toEqual([
      [deny, commit],
    ]);
  });

  it('leave out tests', async () => {
    const { needs } = await fixture.compile({
      'policies/teams/rides/more_test.rego': `package mesh.teams.rides

needs contains {"service": "orders", "operation": "fare.get-estimate"}
`,
    });
    expect(needs.map((need) => need.operation)).not.toContain('fare.get-estimate');
  });
});

describe('the compiled WebAssembly', () => {
  it('says what OPA itself says about the original text', async () => {
    const file = 'policies/teams/rides/more.rego';
    const text = `package mesh.teams.rides

import data.catalog

# Every service of the team calls every read operation of other teams.
needs contains {"service": service, "operation": operation.id} if {
	some service in catalog.teams.rides.services
	some operation in catalog.operations
	operation["class"] == "read"
	not operation.service in catalog.teams.rides.services
}

needs contains {"service": split(path, "/")[0], "operation": sprintf("%s.%v", [name, "get"])} if {
	some path in {"orders/x", "rider-app/x"}
	some name, service in catalog.services
	regex.match("^pro(file|d)$", name)
	count(service.operations) == max([1, 2])
}

grants contains {"operation": operation, "caller": {kind: name}} if {
	some operation in object.keys(object.filter(catalog.operations, ["orders.get", "nothing"]))
	some kind, names in {"team": object.keys(catalog.teams), "tier": {lower("CRITICAL")}}
	some name in names
}
`;

    // What the rules below state once more is stated without an option there.
    const stated = 'policies/teams/rides/needs.rego';
    const files = {
      [file]: text,
      [stated]: (POLICIES[stated] ?? '').replace(', "optional": true', ''),
    };
    const { needs, grants } = await fixture.compile(files);
    const folder = await fixture.folder({
      ...POLICIES,
      ...files,
      'catalog.json': JSON.stringify({ catalog: catalogOf(meshOf('/nowhere')) }),
    });
    const rides = 'policies/teams/rides';
    const query = '[data.mesh.teams.rides.needs, data.mesh.teams.rides.grants]';
    const { stdout } = await execa(
      fixture.opaPath,
      ['eval', '--format', 'raw', '--data', rides, '--data', 'catalog.json', query],
      { cwd: folder },
    );
    const sorted = (values: unknown[]) => [...new Set(values.map(inOrder))].sort();
    const [expectedNeeds, expectedGrants]: [unknown[], unknown[]] = JSON.parse(stdout);
    const pairs = needs.map(({ service, operation }) => ({ service, operation }));
    expect(sorted(pairs)).toEqual(sorted(expectedNeeds));
    const granted = grants
      .filter((grant) => grant.witness.team === 'rides')
      .map(({ operation, caller }) => ({ operation, caller: { [caller.kind]: caller.name } }));
    expect(sorted(granted)).toEqual(sorted(expectedGrants));
    expect([expectedNeeds.length, expectedGrants.length]).toEqual([9, 6]);
  });

  function inOrder(value: unknown): string {
    const pairs = Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(Object.fromEntries(pairs));
  }
});
