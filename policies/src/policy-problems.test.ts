import { chmod } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CompileFixture } from './compile-fixture.js';
import { PolicyCompiler } from './compile-policies.js';
import { meshOf, POLICIES } from './mesh-fixture.js';
import { OpaError } from './opa-error.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

const PURPOSE =
  'purpose must be a name of lower-case letters, digits and dashes, such as "support"';
const ELEMENT =
  'an element is {"service": "…", "operation": "<service>.<operation>"}, with "purpose": "…" and "optional": true where they apply';

describe('every problem is named with its file, its line and a way out', () => {
  const bad = 'policies/teams/rides/bad.rego';
  const cases: [what: string, rego: string, ...problems: unknown[]][] = [
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
      'purposes and options that cannot be meant',
      `package mesh.teams.rides

needs contains {"service": "orders", "operation": "fare.estimate", "purpose": "Law & order"}
needs contains {"service": "orders", "operation": "fare.estimate", "purpose": ["support"], "optional": "yes"}
needs contains {"service": "orders", "operation": "fare.get-estimate", "optional": true}
needs contains {"service": "orders", "operation": "fare.get-estimate"}`,
      `${bad}:3: needs contains {"operation":"fare.estimate","purpose":"Law & order","service":"orders"}: ${PURPOSE} (${ELEMENT})`,
      expect.stringMatching(
        `^${bad}:4: needs contains .*: ${PURPOSE}; optional must be true or false`,
      ),
      `${bad}:6: orders needs fare.get-estimate here, which is optional at ${bad}:5 (write "optional": true in both, or in neither)`,
    ],
    [
      'elements of another shape',
      `package mesh.teams.rides

needs contains "fare.estimate"
needs contains {"service": "orders", "operation": "fare.estimate", "why": "price"}
grants contains {"operation": "orders.get", "caller": "rider-app"}`,
      `${bad}:3: needs contains "fare.estimate" (${ELEMENT})`,
      `${bad}:4: needs contains {"operation":"fare.estimate","service":"orders","why":"price"} (${ELEMENT})`,
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
      `${bad}:5: b reads input, which is there for allow_request alone (allow_request does not use b)`,
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
    expect(await fixture.problemsOf({ [bad]: rego })).toEqual(problems);
  });

  it('a set as one value', async () => {
    const file = 'policies/teams/pricing/policy.rego';
    const rego = 'package mesh.teams.pricing\n\ngrants := {1}';
    expect(await fixture.problemsOf({ [file]: rego })).toEqual([
      `${file}:3: grants must be a set to which each rule adds (write "grants contains {…} if { … }", one rule for each body)`,
    ]);
  });

  it('files outside of any team, or of an unknown one', async () => {
    expect(
      await fixture.problemsOf({
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
    expect(
      await fixture.problemsOf({ [file]: 'package mesh.platform.other\n\ndeny contains 1' }),
    ).toEqual([
      `${file}:3: deny has no effect in package mesh.platform.other (move the rule to package mesh.platform.guardrails, or give it another name)`,
    ]);
    expect(
      await fixture.problemsOf({
        [file]: 'package mesh.platform.guardrails\n\ndeny contains "all"',
      }),
    ).toEqual([
      `${file}:3: deny contains "all" (an element is {"caller": "…", "operation": "<service>.<operation>", "reason": "…"})`,
    ]);
  });

  it('all of them at once, of every team', async () => {
    const problems = await fixture.problemsOf({
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
    const [problem] = await fixture.problemsOf({
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

describe('without the right OPA', () => {
  const compileWith = async (path: string) => {
    const directory = await fixture.folder(POLICIES);
    return new PolicyCompiler({ opaPath: path, cacheDirectory: fixture.cacheDirectory }).compile(
      meshOf(directory),
    );
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
      const folder = await fixture.folder({ opa: `#!/bin/sh\necho '${version}'\n` });
      await chmod(`${folder}/opa`, 0o755);
      await expect(compileWith(`${folder}/opa`)).rejects.toMatchObject({
        code: 'unsupported-version',
      });
    },
  );
});
