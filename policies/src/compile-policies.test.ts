import { rm } from 'node:fs/promises';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { catalogOf } from './catalog.js';
import { type CompiledPolicies, type CompileFacts, PolicyCompiler } from './compile-policies.js';
import { meshOf, POLICIES, SKETCHES, writeFiles, writeFolder } from './mesh-fixture.js';
import { OpaError } from './opa-error.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const opaPath = process.env.OPA_PATH ?? 'opa';
const folders: string[] = [];
let cacheDirectory: string;
let compiler: PolicyCompiler;

beforeAll(async () => {
  cacheDirectory = await temporary({});
  compiler = new PolicyCompiler({ opaPath, cacheDirectory });
});
afterAll(async () => {
  await compiler.close();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function temporary(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await writeFolder(files);
  folders.push(folder);
  return folder;
}

/** Compiles the small mesh with some files changed or added. */
async function compile(files: Readonly<Record<string, string>> = {}): Promise<CompiledPolicies> {
  const directory = await temporary({ ...POLICIES, ...files });
  return compiler.compile(meshOf(directory));
}

/** The problems of the small mesh with some files changed or added, one line each. */
async function problemsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  const error: unknown = await compile(files).catch((thrown: unknown) => thrown);
  if (!(error instanceof MeshError)) throw new Error('compiled', { cause: error });
  return error.problems.map(formatProblem);
}

describe('edges', () => {
  it('are needs that somebody grants, with the rule of each side', async () => {
    const { edges, findings, refused } = await compile();
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
    const { edges, findings } = await compile({
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
    const { edges, refused, findings } = await compile({
      'policies/teams/rides/more.rego': `package mesh.teams.rides

needs contains {"service": "orders", "operation": "profile.get-phone"}

needs contains {"service": "rider-app", "operation": "profile.get-phone"}

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
          'orders is critical and may not need promotions.list of promotions, which is best-effort',
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
    const { edges } = await compile(baseline);
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

    const guarded = await compile({
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
    const directory = await temporary({ 'mesh.yaml': '' });
    expect(await compiler.compile(meshOf(directory))).toEqual({
      needs: [],
      grants: [],
      baseline: [],
      refused: [],
      edges: [],
      findings: [],
    });
  });

  it('are plain data', async () => {
    const compiled = await compile();
    expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled);
  });
});

describe('every problem is named with its file, its line and a way out', () => {
  const bad = 'policies/teams/rides/bad.rego';
  const cases: [what: string, rego: string, ...problems: string[]][] = [
    [
      'a syntax error',
      'package mesh.teams.rides\n\nneeds contains {',
      `${bad}:3: unexpected eof token`,
      `${bad}:3: unexpected eof token: expected rule key term (e.g., needs contains <VALUE> { ... })`,
    ],
    [
      'a missing if',
      'package mesh.teams.rides\n\nneeds contains 1 { true }',
      `${bad}:3: \`if\` keyword is required before rule body (write "… if { … }")`,
    ],
    [
      'a foreign package',
      '# Mine!\npackage mesh.teams.pricing',
      `${bad}:2: package mesh.teams.pricing is not team rides's to define (files in this folder start with "package mesh.teams.rides")`,
    ],
    [
      'a package whose name merely starts like the own one',
      'package mesh.teams.rides_two',
      `${bad}:1: package mesh.teams.rides_two is not team rides's to define (files in this folder start with "package mesh.teams.rides")`,
    ],
    [
      "another team's service as caller",
      'package mesh.teams.rides\n\nneeds contains {"service": "fare", "operation": "profile.get"}',
      `${bad}:3: fare belongs to team pricing; team rides cannot speak for it (the rule belongs into policies/teams/pricing/)`,
    ],
    [
      "a grant of another team's operation",
      'package mesh.teams.rides\n\ngrants contains {"operation": "fare.estimate", "caller": {"team": "rides"}}',
      `${bad}:3: fare belongs to team pricing; team rides cannot speak for it (the rule belongs into policies/teams/pricing/)`,
    ],
    [
      'unknown names',
      `package mesh.teams.rides

needs contains {"service": "oders", "operation": "fare.estmate"}
needs contains {"service": "orders", "operation": "profile.remove-everything"}
grants contains {"operation": "orders.get", "caller": {"team": "pricng"}}
grants contains {"operation": "orders.get", "caller": {"tier": "vital"}}`,
      `${bad}:3: unknown service oders (did you mean orders?)`,
      `${bad}:3: unknown operation fare.estmate (did you mean fare.estimate?)`,
      `${bad}:4: unknown operation profile.remove-everything (profile offers: profile.get, profile.get-phone)`,
      `${bad}:5: unknown team pricng (did you mean pricing?)`,
      `${bad}:6: unknown tier vital`,
    ],
    [
      'elements of another shape',
      `package mesh.teams.rides

needs contains "fare.estimate"
needs contains {"service": "orders", "operation": "fare.estimate", "why": "price"}
grants contains {"operation": "orders.get", "caller": "rider-app"}`,
      `${bad}:3: needs contains "fare.estimate" (an element is {"service": "…", "operation": "<service>.<operation>"})`,
      `${bad}:4: needs contains {"operation":"fare.estimate","service":"orders","why":"price"} (an element is {"service": "…", "operation": "<service>.<operation>"})`,
      `${bad}:5: grants contains {"caller":"rider-app","operation":"orders.get"} (an element is {"operation": "<service>.<operation>", "caller": {"service" | "team" | "tier" | "product": "…"}})`,
    ],
    [
      'a forbidden builtin',
      'package mesh.teams.rides\n\nneeds contains x if x := http.send({"method": "get", "url": "http://localhost"}).body',
      `${bad}:3: undefined function http.send (only deterministic builtins that WebAssembly provides may be used, see docs/guides/policies.md)`,
    ],
    [
      'a clock',
      'package mesh.teams.rides\n\nnight if time.now_ns() > 0',
      `${bad}:3: undefined function time.now_ns (only deterministic builtins that WebAssembly provides may be used, see docs/guides/policies.md)`,
    ],
    [
      'a recursive rule',
      'package mesh.teams.rides\n\na if b\n\nb if a',
      `${bad}:3: rule data.mesh.teams.rides.a is recursive: data.mesh.teams.rides.a -> data.mesh.teams.rides.b -> data.mesh.teams.rides.a (a rule may not use itself, not even through others)`,
      `${bad}:5: rule data.mesh.teams.rides.b is recursive: data.mesh.teams.rides.b -> data.mesh.teams.rides.a -> data.mesh.teams.rides.b (a rule may not use itself, not even through others)`,
    ],
    [
      'a conflict between two values',
      `package mesh.teams.rides

limit := 1 if count(data.catalog.services) > 1

limit := 2 if count(data.catalog.services) > 2

needs contains {"service": "orders", "operation": "fare.get-estimate"} if limit > 0`,
      `${bad}:5: cannot be evaluated: var assignment conflict`,
    ],
    [
      'a conflict inside an emitting rule',
      `package mesh.teams.rides

grants contains {"operation": "orders.get", "caller": {"team": "pricing"}} if {
	some _ in [1]
	count({"key": value | some value in [1, 2]}) > 0
}`,
      `${bad}:5: cannot be evaluated: object insert conflict`,
    ],
    [
      'a file with only comments',
      '# later\n',
      `${bad}:1: empty module (start the file with its package, or delete it)`,
    ],
    ['an empty file', '', `${bad}:1: empty module (start the file with its package, or delete it)`],
    [
      'a set in another form',
      'package mesh.teams.rides.extra\n\nneeds := {1}',
      `${bad}:3: needs has no effect in package mesh.teams.rides.extra (move the rule to package mesh.teams.rides, or give it another name)`,
    ],
    [
      'what a policy cannot see',
      'package mesh.teams.rides\n\na if data.mesh.teams.pricing.grants\n\nb if input.candidates\n\nc := data[x] if x := "catalog"',
      `${bad}:3: data.mesh.teams.pricing.grants is not visible here (policies see data.catalog and data.mesh.teams.rides)`,
      `${bad}:5: team policies have no input (needs and grants follow from data.catalog alone)`,
      `${bad}:7: data as a whole is not visible here (policies see data.catalog and data.mesh.teams.rides)`,
    ],
    [
      "the compiler's own names",
      'package mesh.teams.rides\n\ndotline_needs contains 1',
      `${bad}:3: dotline_needs: names that start with dotline_ are reserved`,
    ],
    [
      'an unused import',
      'package mesh.teams.rides\n\nimport data.catalog',
      `${bad}:3: import data.catalog unused`,
    ],
    [
      'two bodies of one head',
      'package mesh.teams.rides\n\nneeds contains {"service": "orders", "operation": "fare.estimate"} if { true } { 1 == 1 }',
      `${bad}:3: needs must be a set to which each rule adds (write "needs contains {…} if { … }", one rule for each body)`,
    ],
  ];

  it.each(cases)('%s', async (_what, rego, ...problems) => {
    expect(await problemsOf({ [bad]: rego })).toEqual(problems);
  });

  it('a set as one value', async () => {
    const file = 'policies/teams/pricing/policy.rego';
    const rego = 'package mesh.teams.pricing\n\ngrants := {1}';
    expect(await problemsOf({ [file]: rego })).toEqual([
      `${file}:3: grants must be a set to which each rule adds (write "grants contains {…} if { … }", one rule for each body)`,
    ]);
  });

  it('files outside of any team, or of an unknown one', async () => {
    expect(
      await problemsOf({
        'policies/teams/loose.rego': 'package mesh.teams.rides',
        'policies/teams/ride/needs.rego': 'package mesh.teams.ride',
      }),
    ).toEqual([
      'policies/teams/loose.rego:1: belongs to no team (move it to policies/teams/<team>/)',
      'policies/teams/ride/needs.rego:1: unknown team ride (did you mean rides?)',
    ]);
  });

  it('platform rules of a wrong name or shape', async () => {
    const file = 'policies/platform/ours.rego';
    expect(await problemsOf({ [file]: 'package mesh.platform.other\n\ndeny contains 1' })).toEqual([
      `${file}:3: deny has no effect in package mesh.platform.other (move the rule to package mesh.platform.guardrails, or give it another name)`,
    ]);
    expect(
      await problemsOf({ [file]: 'package mesh.platform.guardrails\n\ndeny contains "all"' }),
    ).toEqual([
      `${file}:3: deny contains "all" (an element is {"caller": "…", "operation": "<service>.<operation>", "reason": "…"})`,
    ]);
  });

  it('all of them at once, of every team', async () => {
    const problems = await problemsOf({
      [bad]: 'package mesh.teams.rides\n\nneeds contains 1',
      'policies/teams/pricing/policy.rego': 'package mesh.teams.rides',
      'policies/teams/identity-and-trust/policy.rego': 'package',
    });
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual([
      'policies/teams/identity-and-trust/policy.rego:1',
      'policies/teams/pricing/policy.rego:1',
      `${bad}:3`,
    ]);
  });

  it('a policy that would not end or needs too much memory ends itself', async () => {
    const [problem] = await problemsOf({
      [bad]: `package mesh.teams.rides

needs contains {"service": "orders", "operation": "fare.estimate"} if {
	some a, b in numbers.range(1, 100000)
	some c in numbers.range(1, 100000)
	a * b * c < 0
}`,
    });
    expect(problem).toMatch(/^policies\/teams\/rides\/bad\.rego:3: cannot be evaluated: /);
  });
});

describe('witnesses', () => {
  it('are exact for every form of a rule', async () => {
    const file = 'policies/teams/rides/forms.rego';
    const { needs } = await compile({
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
    const { needs, edges } = await compile({
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

  it('leave out tests', async () => {
    const { needs } = await compile({
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

    const { needs, grants } = await compile({ [file]: text });
    const folder = await temporary({
      ...POLICIES,
      [file]: text,
      'catalog.json': JSON.stringify({ catalog: catalogOf(meshOf('/nowhere')) }),
    });
    const rides = 'policies/teams/rides';
    const query = '[data.mesh.teams.rides.needs, data.mesh.teams.rides.grants]';
    const { stdout } = await execa(
      opaPath,
      ['eval', '--format', 'raw', '--data', rides, '--data', 'catalog.json', query],
      { cwd: folder },
    );
    const sorted = (values: unknown[]) => [...new Set(values.map(inOrder))].sort();
    const [expectedNeeds, expectedGrants]: [unknown[], unknown[]] = JSON.parse(stdout);
    const stated = needs.map(({ service, operation }) => ({ service, operation }));
    expect(sorted(stated)).toEqual(sorted(expectedNeeds));
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

describe('a compiler that is used again', () => {
  it('does only what changed, and answers as a new one', async () => {
    const directory = await temporary(POLICIES);
    const own = await temporary({});
    const facts: CompileFacts[] = [];
    const compiler = new PolicyCompiler({
      opaPath,
      cacheDirectory: own,
      log: (_message, each) => facts.push(each),
    });
    const compileAndCount = async (sketches = SKETCHES) => {
      const compiled = await compiler.compile(meshOf(directory, sketches));
      const fresh = new PolicyCompiler({ opaPath, cacheDirectory });
      expect(compiled).toEqual(await fresh.compile(meshOf(directory, sketches)));
      const { built, evaluated } = facts.at(-1) ?? { built: -1, evaluated: -1 };
      return { built, evaluated };
    };

    // Three teams and the platform.
    expect(await compileAndCount()).toEqual({ built: 4, evaluated: 4 });
    expect(await compileAndCount()).toEqual({ built: 0, evaluated: 0 });

    await writeFiles(directory, {
      'policies/teams/pricing/policy.rego':
        'package mesh.teams.pricing\n\ngrants contains {"operation": "fare.estimate", "caller": {"service": "orders"}}\n',
    });
    // The guardrails see another candidate.
    expect(await compileAndCount()).toEqual({ built: 1, evaluated: 2 });

    await writeFiles(directory, {
      'policies/teams/pricing/policy.rego': 'package mesh.teams.fare\n',
    });
    await expect(compiler.compile(meshOf(directory))).rejects.toBeInstanceOf(MeshError);
    await rm(`${directory}/policies/teams/pricing`, { recursive: true });
    expect(await compileAndCount()).toMatchObject({ built: 0 });

    // Another catalog: only the units that look at it are evaluated again (rides and the guardrails).
    const catalog = [...SKETCHES, { name: 'ledger', team: 'rides' }];
    expect(await compileAndCount(catalog)).toEqual({ built: 0, evaluated: 2 });
  });

  it('finds compiled policies on disk, and compiles them again when they are damaged or gone', async () => {
    const directory = await temporary(POLICIES);
    const own = await temporary({});
    const built = async () => {
      let count = -1;
      const compiler = new PolicyCompiler({
        opaPath,
        cacheDirectory: own,
        log: (_message, facts) => {
          count = facts.built;
        },
      });
      expect((await compiler.compile(meshOf(directory))).edges).toHaveLength(4);
      return count;
    };
    expect(await built()).toBe(4);
    expect(await built()).toBe(0);
    await rm(`${own}/policies`, { recursive: true });
    expect(await built()).toBe(4);
  });

  it('compiles concurrently', async () => {
    const directory = await temporary(POLICIES);
    const compiler = new PolicyCompiler({ opaPath, cacheDirectory: await temporary({}) });
    const mesh = meshOf(directory);
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => compiler.compile(mesh)));
    for (const other of others) expect(other).toEqual(first);
  });
});

describe('without the right OPA', () => {
  const compileWith = async (path: string) => {
    const directory = await temporary(POLICIES);
    return new PolicyCompiler({ opaPath: path, cacheDirectory }).compile(meshOf(directory));
  };

  it('says which one to install', async () => {
    const error: unknown = await compileWith('/nowhere/opa').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpaError);
    expect(error).toMatchObject({ code: 'missing', opaPath: '/nowhere/opa' });
    expect(String(error)).toMatch(/install OPA 1\.22 .*OPA_PATH/);
  });

  it.each(['Version: 0.70.0', 'Version: 1.4.2', 'Version: 2.0.0'])(
    'refuses %s',
    async (version) => {
      const folder = await temporary({ opa: `#!/bin/sh\necho '${version}'\n` });
      const { chmod } = await import('node:fs/promises');
      await chmod(`${folder}/opa`, 0o755);
      await expect(compileWith(`${folder}/opa`)).rejects.toMatchObject({
        code: 'unsupported-version',
      });
    },
  );
});
