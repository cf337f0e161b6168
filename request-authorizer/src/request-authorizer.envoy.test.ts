import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EgressHost } from '@dotline/model/egress';
import type { Mesh } from '@dotline/model/mesh';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import {
  type CompiledRequestPolicy,
  withoutDocument,
} from '@dotline/policies/compiled-request-policy';
import { authorizerSocket } from '@dotline/sidecar-config/sidecar-directory';
import { CertificateAuthority } from '@dotline/sidecar-config/testing/certificate-authority';
import { eventually } from '@dotline/sidecar-config/testing/eventually';
import { edgeOf, instanceOf, meshOf } from '@dotline/sidecar-config/testing/mesh';
import type { RealSidecar } from '@dotline/sidecar-config/testing/real-sidecar';
import { loopbackNetwork, RunningMesh } from '@dotline/sidecar-config/testing/running-mesh';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { KeyServer } from './testing/key-server.js';
import { RunningAuthorizer } from './testing/running-authorizer.js';
import { TokenSigner } from './testing/token-signer.js';

jest.setTimeout(30_000);

const ISSUER = 'https://accounts.test.example';
const FILE = 'policies/teams/identity/requests.rego';
const RULES = `package mesh.teams.identity

# METADATA
# title: A profile is its owner's
request_rules contains {"operation": "profile.get"}

request_rules contains {"operation": "profile.search", "fail": "open"}

request_rules contains {"operation": "profile.slow"}

# METADATA
# title: Riders read their own profile
allow_request if {
	input.operation == "profile.get"
	input.claims.sub == input.parameters.account
}

allow_request if {
	input.operation == "profile.search"
	input.caller == "app"
	count(input.query.name) == 1
	input.headers["x-client-version"] == "2"
	not input.headers.authorization
	input.time_ms > 1700000000000
}

allow_request if {
	input.operation == "profile.slow"
	every a in numbers.range(1, 3000) {
		every b in numbers.range(1, 3000) { a * b > 0 }
	}
}
`;

const issuer = new TokenSigner(ISSUER);
/** Publishes its keys as an operation, to which `profile` has an edge. */
const sessions = new TokenSigner('https://sessions.test.example');
/** The same, to which nobody has an edge. */
const elsewhere = new TokenSigner('https://elsewhere.example');
/** Publishes its keys outside, at a host that an egress service reaches. */
const LOGIN = 'https://login.example.com';
const login = new TokenSigner(LOGIN);
const published = (operation: string) => ({ kind: 'operation', operation }) as const;
const at = loopbackNetwork();
const meshWith = (hosts: readonly EgressHost[]): Mesh => ({
  ...meshOf({
    app: { team: 'riders', operations: {} },
    profile: {
      team: 'identity',
      operations: {
        get: 'GET /v1/profiles/{account}',
        save: 'PUT /v1/profiles/{account}',
        search: 'GET /v1/profiles',
        slow: 'GET /slow-policy',
      },
    },
    sessions: {
      team: 'identity',
      operations: { keys: 'GET /v1/keys', 'other-keys': 'GET /v1/other-keys' },
    },
    'way-out': {
      team: 'identity',
      operations: { keys: 'GET login.example.com:443/keys.json' },
      egress: { hosts },
    },
  }),
  tokenIssuers: [
    { issuer: ISSUER, audiences: ['mesh'], keys: { kind: 'text', jwks: issuer.jwks } },
    { issuer: sessions.issuer, audiences: ['mesh'], keys: published('sessions.keys') },
    { issuer: elsewhere.issuer, audiences: ['mesh'], keys: published('sessions.other-keys') },
    // Envoy reads keys again five seconds before they are too old.
    { issuer: LOGIN, audiences: ['mesh'], keys: { ...published('way-out.keys'), cacheMs: 6_000 } },
  ],
});
const edges = [
  edgeOf('app', 'profile', ['get', 'save', 'search', 'slow']),
  edgeOf('profile', 'sessions', ['keys']),
  edgeOf('profile', 'way-out', ['keys']),
];
const own = '/v1/profiles/ada';

let mesh: Mesh;
let keyServer: KeyServer;
let directory: string;
let compiler: PolicyCompiler;
let running: RunningMesh;
let authorizer: RunningAuthorizer;
let app: RealSidecar;

async function compile(rules: string): Promise<readonly CompiledRequestPolicy[]> {
  await writeFile(join(directory, FILE), rules);
  return (await compiler.compile({ ...mesh, directory })).requestPolicies;
}

async function publish(rules: string): Promise<void> {
  publishPolicies(await compile(rules));
}

function publishPolicies(policies: readonly CompiledRequestPolicy[]): void {
  authorizer.serve(policies);
  running.publish(edges, policies.map(withoutDocument));
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'request-rules-'));
  await mkdir(join(directory, 'policies/teams/identity'), { recursive: true });
  compiler = new PolicyCompiler({
    opaPath: process.env.OPA_PATH ?? 'opa',
    cacheDirectory: join(directory, 'cache'),
  });
  const outsiders = await CertificateAuthority.create();
  keyServer = await KeyServer.start(
    await outsiders.issueForHost('login.example.com'),
    at(9).address,
  );
  const ca = outsiders.root.toString('pem');
  mesh = meshWith([{ host: 'login.example.com:443', address: keyServer.address, ca }]);
  const instances = [
    instanceOf('app', at(1)),
    instanceOf('profile', at(2)),
    instanceOf('sessions', at(3)),
    instanceOf('way-out', at(4)),
  ];
  running = await RunningMesh.start({
    mesh,
    instances,
    edges,
    documents: { '/v1/keys': sessions.jwks, '/v1/other-keys': elsewhere.jwks },
  });
  app = running.sidecar('app-1');
  authorizer = await RunningAuthorizer.start({
    socket: authorizerSocket(running.runDirectory),
    identity: await running.authority.issue(platformSpiffeId(mesh.trustDomain, 'authorizer')),
  });
  await publish(RULES);
  await eventually('the rules to be in force', async () =>
    (await app.call('GET', 'profile', own)).status === 403 ? true : undefined,
  );
}, 60_000);

afterAll(async () => {
  await authorizer?.stop();
  await running?.stop();
  keyServer?.stop();
  await compiler?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}, 20_000);

function get(path: string, token?: string, headers: Record<string, string> = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return app.call('GET', 'profile', path, { headers: { ...headers, ...authorization } });
}

describe('a request that a team decides', () => {
  it('is let through when a rule allows it, with its token', async () => {
    const token = issuer.token({ sub: 'ada' });
    const answer = await get(`${own}?x=1`, token);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body).headers.authorization).toBe(`Bearer ${token}`);
    expect((await get('/v1/profiles/a%64a', token)).status).toBe(200);
  });

  it('is believed to be of whom an issuer says whose keys its service may read', async () => {
    // The first time the keys may be on their way still.
    await eventually('the keys', async () =>
      (await get(own, sessions.token({ sub: 'ada' }))).status === 200 ? true : undefined,
    );
    expect((await get(own, sessions.token({ sub: 'bob' }))).status).toBe(403);
  });

  it('is believed to be of whom an issuer outside says, once its keys are there, and by its new keys', async () => {
    const statusOf = async (signer: TokenSigner, sub = 'ada') =>
      (await get(own, signer.token({ sub }))).status;
    const is = (signer: TokenSigner, status: number) =>
      eventually(`an answer of ${status}`, async () =>
        (await statusOf(signer)) === status ? true : undefined,
      );
    expect(await statusOf(login)).toBe(401);
    keyServer.publish(login.jwks);
    await is(login, 200);
    expect(await statusOf(login, 'bob')).toBe(403);
    const seen = login.token({ sub: 'ada' });
    expect((await get(own, seen)).status).toBe(200);
    const renewed = new TokenSigner(LOGIN);
    keyServer.publish(renewed.jwks);
    await is(renewed, 200);
    expect((await get(own, seen)).status).toBe(401);
    const gateway = running.sidecar('way-out-1');
    expect(await gateway.stat('http.inbound.downstream_rq_4xx')).toBe(0);
  });

  it('is refused with the rule and whom to ask', async () => {
    const answer = await get(`${own}?secret=1`, issuer.token({ sub: 'bob' }));
    expect(answer.status).toBe(403);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body)).toEqual({
      error: 'denied by policy',
      reason: 'team identity decides each profile.get, and no rule allows this one',
      caller: 'app',
      callee: 'profile',
      operation: 'profile.get',
      method: 'GET',
      path: own,
      team: 'identity',
      rule: `${FILE}:5`,
      policy: expect.stringMatching(/^[0-9a-f]{12}$/),
      ask: ['100% #identity'],
    });
  });

  it('is decided without a token too', async () => {
    const answer = await get(own);
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body).reason).toContain('without a token');
  });

  // 403 is Envoy's word for a valid token that is meant for others.
  it.each<[what: string, token: () => string, status?: number]>([
    ['that has expired', () => issuer.token({ sub: 'ada', exp: 1_700_000_000 })],
    ['that never expires', () => issuer.token({ sub: 'ada', exp: undefined })],
    ['for others', () => issuer.token({ sub: 'ada', aud: 'elsewhere' }), 403],
    ['of somebody else', () => new TokenSigner(ISSUER).token({ sub: 'ada' })],
    ['of an issuer that is not believed', () => elsewhere.token({ sub: 'ada' })],
    ['without signature', () => issuer.token({ sub: 'ada' }).replace(/\.[^.]*$/, '.')],
    ['that is none', () => 'open-sesame'],
  ])('is refused with a token %s', async (_, token, status = 401) => {
    const answer = await get(own, token());
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: 'token refused',
      callee: 'profile',
      ask: ['100% #identity'],
    });
  });

  it('can be decided by caller, query, headers and time, never by secrets', async () => {
    const search = (path: string, headers: Record<string, string>) =>
      get(path, issuer.token({ sub: 'ada' }), headers).then(({ status }) => status);
    const version = { 'x-client-version': '2' };
    expect(await search('/v1/profiles?name=a', { ...version, cookie: 'a=b' })).toBe(200);
    expect(await search('/v1/profiles?name=a&name=b', version)).toBe(403);
    expect(await search('/v1/profiles?name=a', {})).toBe(403);
  });

  it('is not one of another operation', async () => {
    expect((await app.call('PUT', 'profile', own)).status).toBe(200);
  });
});

describe('the log of decisions', () => {
  it('says who decided what by which rule, and nothing of the token', async () => {
    await get(own, issuer.token({ sub: 'ada', email: 'ada@example.com' }));
    const exported = await eventually('the decision in the log', async () => {
      const all = authorizer.collector.received('logs');
      return all.includes('Riders read their own profile') ? all : undefined;
    });
    expect(exported).toContain(`${FILE}:13`);
    expect(exported).toContain('profile.get');
    expect(exported).not.toContain('ada@example.com');
  });

  // A decision takes half a millisecond; the bound leaves room for a machine with other work.
  it('is beside counts, and a decision takes little time', async () => {
    const token = issuer.token({ sub: 'ada' });
    const taken = async (bound: string) => {
      const text = await authorizer.metrics();
      const line = new RegExp(
        `^dotline_authorizer_decision_seconds_bucket{le="${bound}"} (\\d+)`,
        'm',
      );
      return Number(line.exec(text)?.[1]);
    };
    const before = { fast: await taken('0.0025'), all: await taken('\\+Inf') };
    for (let count = 0; count < 100; count += 1) await get(own, token);
    const fast = (await taken('0.0025')) - before.fast;
    expect((await taken('\\+Inf')) - before.all).toBe(100);
    expect(fast).toBeGreaterThan(50);
    expect(await authorizer.metrics()).toMatch(
      /decisions_total\{team="identity",outcome="allowed",reason=""\} \d{3}/,
    );
  });
});

describe('a change of the rules', () => {
  // On a quiet machine it takes a tenth of a second.
  it('is in force at once, with no connection drained', async () => {
    const token = issuer.token({ sub: 'bob', role: 'support' });
    const profile = running.sidecar('profile-1');
    expect((await get(own, token)).status).toBe(403);
    const connections = await profile.stat('http.inbound.downstream_cx_total');
    const rules = RULES.replace('input.claims.sub ==', 'input.claims.role == "support" #');
    const policies = await compile(rules);
    try {
      const startMs = performance.now();
      publishPolicies(policies);
      await eventually('the new rule to be in force', async () =>
        (await get(own, token)).status === 200 ? true : undefined,
      );
      expect(performance.now() - startMs).toBeLessThan(5000);
    } finally {
      await publish(RULES);
      await eventually('the old rule to be in force', async () =>
        (await get(own, token)).status === 403 ? true : undefined,
      );
    }
    expect(await profile.stat('http.inbound.downstream_cx_total')).toBe(connections);
    expect(await profile.stat('listener_manager.listener_modified')).toBe(0);
    expect(running.nacks).toEqual([]);
  });
});

describe('a staged revision with other rules', () => {
  const bob = () => issuer.token({ sub: 'bob' });
  /** Gives `profile.get` to bob, decides `profile.save`, and no longer `profile.search`. */
  const STAGED = RULES.replace(
    '{"operation": "profile.search", "fail": "open"}',
    '{"operation": "profile.save"}',
  )
    .replace('input.claims.sub == input.parameters.account', 'input.claims.sub == "bob"')
    .replace('input.operation == "profile.search"', 'input.operation == "profile.save"');
  const save = (token?: string) =>
    app.call('PUT', 'profile', own, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  const said = (verdict: string) =>
    eventually(
      verdict,
      async () => authorizer.collector.received('logs').includes(verdict) || undefined,
    );
  let staged: string;

  beforeAll(async () => {
    const policies = await compile(STAGED);
    authorizer.serve(policies);
    staged = running.stage(edges, mesh, policies.map(withoutDocument)) ?? '';
    const profile = running.sidecar('profile-1');
    await eventually('the sidecar to ask for judgements', async () =>
      (await profile.admin('/config_dump')).includes('staged_policy') ? true : undefined,
    );
  });

  afterAll(() => {
    running.stage(undefined);
  });

  it('is judged beside the rules that decide, and nothing of it is enforced', async () => {
    expect((await get(own, issuer.token({ sub: 'ada' }))).status).toBe(200);
    await said(`allowed denied ${staged} profile.get`);
    expect((await get(own, bob())).status).toBe(403);
    await said(`denied allowed ${staged} profile.get`);
    expect((await get('/v1/profiles?name=a&name=b')).status).toBe(403);
    await said(`denied allowed ${staged} profile.search`);
  });

  it('is judged where nothing is decided yet, also with a token that nobody believes', async () => {
    expect((await save(bob())).status).toBe(200);
    expect((await save(new TokenSigner(ISSUER).token({ sub: 'bob' }))).status).toBe(200);
    expect((await save('open-sesame')).status).toBe(200);
    await said(`allowed denied ${staged} profile.save`);
    expect(await authorizer.metrics()).toMatch(
      /verdicts_total\{live="allowed",staged="denied"\} 4/,
    );
    expect(running.nacks).toEqual([]);
  });

  it('lets requests that are only judged pass while the authorizer is away, or hangs', async () => {
    authorizer.signal('SIGSTOP');
    try {
      const startMs = performance.now();
      expect((await save()).status).toBe(200);
      expect(performance.now() - startMs).toBeLessThan(500);
    } finally {
      authorizer.signal('SIGCONT');
    }
    await authorizer.kill();
    expect((await save()).status).toBe(200);
    await authorizer.restart();
    await eventually('decisions again', async () =>
      (await get(own, issuer.token({ sub: 'ada' }))).status === 200 ? true : undefined,
    );
  });

  it('is left out where there is no room for it, and counted', async () => {
    const slow = await compile(STAGED.replace('"profile.slow"\n\tevery', '"profile.get"\n\tevery'));
    authorizer.serve(slow);
    const again = running.stage(edges, mesh, slow.map(withoutDocument)) ?? '';
    await get(own, issuer.token({ sub: 'ada' }));
    await eventually(`judgements by ${again}`, async () => {
      await get(own, issuer.token({ sub: 'ada' }));
      return authorizer.collector.received('logs').includes(again) ? true : undefined;
    });
    const token = issuer.token({ sub: 'ada' });
    const statuses = await Promise.all(Array.from({ length: 80 }, () => get(own, token)));
    expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([200]));
    await said(`allowed unknown ${again} profile.get`);
  });
});

describe('a request that nobody can decide', () => {
  const token = () => issuer.token({ sub: 'ada' });
  const search = () => get('/v1/profiles?name=a&name=b');

  it('is refused when the policy takes too long, and others are not held up', async () => {
    const others = async () => (await get(own, token())).status;
    const answer = await get('/slow-policy');
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: 'not decided',
      operation: 'profile.slow',
      ask: ['100% #identity'],
    });
    // On a machine with much other work a new thread may start too late for the first of them.
    await eventually('requests beside a slow one to be decided', async () => {
      const statuses = await Promise.all([
        get('/slow-policy').then(({ status }) => status),
        ...Array.from({ length: 10 }, others),
      ]);
      return (
        statuses.join() === [503, ...Array.from({ length: 10 }, () => 200)].join() || undefined
      );
    });
  });

  it('is refused or let through, as its rule says, while the authorizer is away', async () => {
    expect((await search()).status).toBe(403);
    expect(await authorizer.prepare(await compile(RULES))).toBe(204);
    await authorizer.kill();
    const refused = await get(own, token());
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toMatchObject({
      error: 'not decided',
      operation: 'profile.get',
    });
    expect((await search()).status).toBe(200);
    expect((await get(own, 'open-sesame')).status).toBe(401);
    // What it had it still has, control plane or not.
    authorizer.forget();
    await authorizer.restart();
    expect(await authorizer.metrics()).toMatch(/^dotline_authorizer_policies 1$/m);
    await eventually('decisions again', async () =>
      (await get(own, token())).status === 200 ? true : undefined,
    );
    expect((await search()).status).toBe(403);
  });
});
