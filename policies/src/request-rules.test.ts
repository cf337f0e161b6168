import { formatProblem } from '@dotline/model/mesh-error';
import type { TokenIssuer } from '@dotline/model/request-policy';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import { unverifiableTokens } from './check-tokens.js';
import { CompileFixture } from './compile-fixture.js';
import { meshOf, POLICIES } from './mesh-fixture.js';
import { readPolicyUnits } from './policy-unit.js';
import { decodeRequestPolicy } from './request-policy-document.js';
import { testPolicies } from './test-policies.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const FILE = 'policies/teams/rides/requests.rego';
const RULES = `package mesh.teams.rides

# METADATA
# title: An order is its rider's
request_rules contains {"operation": "orders.get"}

request_rules contains {"operation": "orders.create", "fail": "open"}

default allow_request := false

# METADATA
# title: Riders see their own orders
allow_request if {
	input.operation == "orders.get"
	is_owner
}

allow_request := true if {
	input.operation == "orders.create"
	input.caller in data.catalog.teams.rides.services
}

is_owner if input.claims.sub == input.parameters.rider
`;

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

describe('a team that decides single requests', () => {
  it('has a document with everything that decides, named by its hash', async () => {
    const { requestPolicies } = await fixture.compile({ [FILE]: RULES });
    expect(requestPolicies).toHaveLength(1);
    const [policy] = requestPolicies;
    if (policy === undefined) throw new Error('no policy');
    expect(policy).toMatchObject({
      team: 'rides',
      rules: [
        { operation: 'orders.create', fail: 'open', witness: { file: FILE, line: 7 } },
        {
          operation: 'orders.get',
          fail: 'closed',
          witness: { file: FILE, line: 5, title: "An order is its rider's" },
        },
      ],
    });
    const document = decodeRequestPolicy(policy.hash, policy.document);
    expect(document).toMatchObject({
      team: 'rides',
      contact: '#rides',
      operations: [
        { id: 'orders.create', service: 'orders', path: '/create', fail: 'open' },
        { id: 'orders.get', service: 'orders', path: '/get', fail: 'closed' },
      ],
    });
    expect(() => decodeRequestPolicy(policy.hash, Buffer.from('{}'))).toThrow(policy.hash);

    const wasm = await loadPolicy(Buffer.from(document.wasm, 'base64'));
    wasm.setData(JSON.parse(document.data));
    const allowedBy = (input: unknown) => {
      const [answer]: { result: { rule: number }[] }[] = wasm.evaluate(input, document.entrypoint);
      return answer?.result.map(({ rule }) => document.rules[rule]?.line);
    };
    const own = { operation: 'orders.get', parameters: { rider: 'r1' } };
    expect(allowedBy({ ...own, claims: { sub: 'r1' } })).toEqual([13]);
    expect(allowedBy({ ...own, claims: { sub: 'r2' } })).toEqual([]);
    expect(allowedBy({ ...own, claims: null })).toEqual([]);
    expect(allowedBy({ operation: 'orders.create', caller: 'rider-app' })).toEqual([18]);
    expect(allowedBy({ operation: 'orders.create', caller: 'fare' })).toEqual([]);
  });

  it('may read files of its own, and carries the catalog only when it reads it', async () => {
    const { requestPolicies } = await fixture.compile({
      [FILE]: `package mesh.teams.rides

import data.mesh.teams.rides.people

request_rules contains {"operation": "orders.get"}

allow_request if people.is_owner(input)
`,
      'policies/teams/rides/people.rego': `package mesh.teams.rides.people

is_owner(request) if request.claims.sub == request.parameters.rider
`,
    });
    const [policy] = requestPolicies;
    if (policy === undefined) throw new Error('no policy');
    expect(decodeRequestPolicy(policy.hash, policy.document).data).toBe('{}');
  });

  it('tests its rules with opa test', async () => {
    const directory = await fixture.folder({
      ...POLICIES,
      [FILE]: RULES,
      'policies/teams/rides/requests_test.rego': `package mesh.teams.rides_test

import data.mesh.teams.rides

request := {"operation": "orders.get", "claims": {"sub": "r1"}, "parameters": {"rider": "r1"}}

test_own if rides.allow_request with input as request

test_others if not rides.allow_request with input as object.union(request, {"claims": {"sub": "r2"}})
`,
    });
    const run = await testPolicies(meshOf(directory), { opaPath: fixture.opaPath });
    expect(
      run.results.filter(({ team }) => team === 'rides').map(({ outcome }) => outcome),
    ).toEqual(['passed', 'passed']);
  });
});

describe('rules about requests that cannot be', () => {
  const head = 'package mesh.teams.rides\n\n';
  const declared = `${head}request_rules contains {"operation": "orders.get"}\n`;
  it.each<[what: string, rego: string, problem: string]>([
    [
      'of an operation of another team',
      `${head}request_rules contains {"operation": "fare.estimate"}\nallow_request if input.claims.sub`,
      `${FILE}:3: fare belongs to team pricing; team rides cannot speak for it`,
    ],
    [
      'of no operation',
      `${head}allow_request if input.claims.sub == "x"`,
      `${FILE}:3: allow_request decides nothing (say of which operations`,
    ],
    [
      'that allow nothing',
      `${declared}default allow_request := false`,
      `${FILE}:3: request_rules without allow_request would refuse every request`,
    ],
    [
      'with else',
      `${declared}allow_request if input.claims.sub == "x" else := false`,
      `${FILE}:4: allow_request must be true where a request is allowed`,
    ],
    [
      'whose value is computed',
      `${declared}allow_request := input.claims.admin`,
      `${FILE}:4: allow_request must be true where a request is allowed`,
    ],
    [
      'that allow by default',
      `${declared}default allow_request := true\nallow_request if input.claims.sub`,
      `${FILE}:4: allow_request must be true where a request is allowed`,
    ],
    [
      'in a package below',
      `package mesh.teams.rides.more\n\nallow_request if input.claims.sub`,
      `${FILE}:3: allow_request has no effect in package mesh.teams.rides.more`,
    ],
    [
      'with another mode of failure',
      `${head}request_rules contains {"operation": "orders.get", "fail": "maybe"}\nallow_request if input.x`,
      `${FILE}:3: request_rules contains {"fail":"maybe","operation":"orders.get"}`,
    ],
    [
      'while a relation depends on the request',
      `${declared}allow_request if is_owner
needs contains {"service": "orders", "operation": "fare.estimate"} if not is_owner
is_owner if input.claims.sub == "x"`,
      `${FILE}:6: needs reads input through is_owner, but no request is at hand when policies are compiled`,
    ],
  ])('%s', async (_, rego, problem) => {
    const problems = await fixture.problemsOf({ [FILE]: rego });
    expect(problems).toContainEqual(expect.stringContaining(problem));
  });
});

it('claims of tokens that a service cannot verify are remarked upon', async () => {
  const directory = await fixture.folder({ ...POLICIES, [FILE]: RULES });
  const mesh = meshOf(directory);
  const compiled = await fixture.compiler.compile(mesh);
  const { teams } = await readPolicyUnits(mesh);
  const remarks = (tokenIssuers: readonly TokenIssuer[]) =>
    unverifiableTokens({ ...mesh, tokenIssuers }, compiled, teams).map(formatProblem);
  const issuer = (keys: TokenIssuer['keys']) => [{ issuer: 'https://a', audiences: ['a'], keys }];
  expect(remarks([])).toEqual([
    expect.stringContaining(`${FILE}:7: orders believes no issuer of tokens`),
    expect.stringContaining(`${FILE}:5: orders believes no issuer of tokens`),
  ]);
  expect(remarks(issuer({ kind: 'operation', operation: 'promotions.list' }))[0]).toContain(
    '{"service": "orders", "operation": "promotions.list"}',
  );
  // To which orders has an edge.
  expect(remarks(issuer({ kind: 'operation', operation: 'fare.estimate' }))).toEqual([]);
  expect(remarks(issuer({ kind: 'text', jwks: '{}' }))).toEqual([]);
});
