import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { RequestRule, TokenIssuer } from '@dotline/model/request-policy';
import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import { TypedExtensionConfigSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import { RouteConfigurationSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { ExtAuthzPerRouteSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb';
import { JwtAuthenticationSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb';
import { sidecarResources } from './sidecar-resources.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';

const HASH = 'ab'.repeat(32);
const telemetry = {
  grpc: { address: '127.0.0.1', port: 4317 },
  http: { address: '127.0.0.1', port: 4318 },
};
const plain = meshOf({
  app: { team: 'rides', operations: {} },
  profile: { team: 'identity', operations: { get: 'GET /p/{id}', list: 'GET /p', put: 'PUT /p' } },
  sessions: { team: 'access', operations: { keys: 'GET /v1/keys' } },
});
const fromSessions: TokenIssuer = {
  issuer: 'https://sessions.example',
  audiences: ['mesh'],
  keys: { kind: 'operation', operation: 'sessions.keys' },
};
const fromFile: TokenIssuer = {
  issuer: 'https://file.example',
  audiences: ['mesh'],
  keys: { kind: 'text', jwks: '{"keys":[]}' },
};

/** What the sidecar of a service holds when the identity team decides some of its operations. */
function held(
  service: string,
  rules: Readonly<Record<string, RequestRule['fail']>>,
  tokenIssuers: readonly TokenIssuer[] = [],
  hash = HASH,
) {
  const witness = { team: 'identity', file: 'policies/teams/identity/a.rego', line: 1 };
  const own = Object.entries(rules).map(([operation, fail]) => ({ operation, fail, witness }));
  const revision = makeRevision(
    {
      mesh: { ...plain, ...(tokenIssuers.length === 0 ? {} : { tokenIssuers }) },
      edges: [edgeOf('app', 'profile', ['get', 'list']), edgeOf('profile', 'sessions', ['keys'])],
      requestPolicies: own.length === 0 ? [] : [{ team: 'identity', hash, rules: own }],
      createdAtMs: 0,
    },
    undefined,
  );
  const instances = ['app', 'profile', 'sessions'].map((name) => instanceOf(name));
  const snapshot = sidecarResources({
    revision,
    instances,
    telemetry,
    instance: instanceOf(service),
  });
  const bytes = snapshot[TypeUrl.Route].resources.get('inbound')?.value ?? new Uint8Array();
  const extension = snapshot[TypeUrl.ExtensionConfig].resources.get('jwt-authentication');
  const { typedConfig } = fromBinary(
    TypedExtensionConfigSchema,
    extension?.value ?? new Uint8Array(),
  );
  return {
    revision,
    routes: fromBinary(RouteConfigurationSchema, bytes).virtualHosts[0]?.routes ?? [],
    listeners: snapshot[TypeUrl.Listener],
    extension,
    jwt: typedConfig && anyUnpack(typedConfig, JwtAuthenticationSchema),
  };
}

function wokenBy({ routes }: ReturnType<typeof held>): Record<string, string[]> {
  return Object.fromEntries(
    routes
      .map(({ name, typedPerFilterConfig }) => [name, Object.keys(typedPerFilterConfig)] as const)
      .filter(([, filters]) => filters.length > 0),
  );
}

describe('operations whose requests are decided', () => {
  it('wake the filter of their mode, and no other operation wakes any', () => {
    const found = held('profile', { 'profile.get': 'closed', 'profile.list': 'open' });
    expect(wokenBy(found)).toEqual({
      'profile.get': ['request-authorization'],
      'profile.list': ['request-authorization-open'],
    });
    expect(wokenBy(held('profile', {}))).toEqual({});
    expect(wokenBy(held('sessions', { 'profile.get': 'closed' }))).toEqual({});
  });

  it('say by which policy, since which revision', () => {
    const { routes, revision } = held('profile', { 'profile.get': 'closed' });
    const route = routes.find(({ name }) => name === 'profile.get');
    const config = route?.typedPerFilterConfig['request-authorization'];
    const { override } = (config && anyUnpack(config, ExtAuthzPerRouteSchema)) ?? {};
    expect(override?.case === 'checkSettings' && override.value.contextExtensions).toEqual({
      fail: 'closed',
      operation: 'profile.get',
      policy: HASH,
      revision: revision.id,
    });
  });

  it('change no listener, whatever becomes of them', () => {
    const others = [
      held('profile', { 'profile.get': 'open' }, [fromFile]),
      held('profile', { 'profile.get': 'closed' }, [], 'cd'.repeat(32)),
    ];
    const { listeners } = held('profile', {});
    for (const other of others) {
      expect([...other.listeners.resources.values()].map(({ value }) => value)).toEqual(
        [...listeners.resources.values()].map(({ value }) => value),
      );
    }
  });
});

describe('tokens', () => {
  const rules = { 'profile.get': 'closed' } as const;

  it('are verified where requests are decided, of issuers whose keys the service may read', () => {
    const { jwt, ...found } = held('profile', rules, [fromSessions, fromFile]);
    expect(Object.keys(jwt?.providers ?? {})).toEqual([fromFile.issuer, fromSessions.issuer]);
    const keys = jwt?.providers[fromSessions.issuer]?.jwksSourceSpecifier;
    expect(keys?.case === 'remoteJwks' && keys.value.httpUri).toMatchObject({
      uri: 'http://sessions/v1/keys',
      httpUpstreamType: { case: 'cluster', value: 'sessions' },
    });
    expect(wokenBy(found as ReturnType<typeof held>)).toEqual({
      'profile.get': ['jwt-authentication', 'request-authorization'],
    });
  });

  it('are read from the app itself when it is the issuer', () => {
    const { jwt } = held('sessions', { 'sessions.keys': 'closed' }, [fromSessions]);
    const keys = jwt?.providers[fromSessions.issuer]?.jwksSourceSpecifier;
    expect(keys?.case === 'remoteJwks' && keys.value.httpUri?.httpUpstreamType).toEqual({
      case: 'cluster',
      value: 'dotline:app',
    });
  });

  it('of nobody are believed elsewhere, in the same bytes for all', () => {
    const app = held('app', rules, [fromSessions, fromFile]);
    const sessions = held('sessions', rules, [fromSessions, fromFile]);
    expect(app.jwt?.providers).toEqual({});
    expect(app.extension?.value).toEqual(sessions.extension?.value);
  });
});
