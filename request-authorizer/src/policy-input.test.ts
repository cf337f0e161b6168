import { create, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { AttributeContextSchema } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/attribute_context_pb';
import { pathParameters } from './path-parameters.js';
import { policyInput, traceIdOf } from './policy-input.js';

describe('parameters of a path', () => {
  it.each<[path: string, parameters: Record<string, string> | undefined]>([
    ['/v1/profiles/ada/photos/7', { account: 'ada', photo: '7' }],
    ['/v1/profiles/a%20d%2Fa/photos/7', { account: 'a d/a', photo: '7' }],
    ['/v1/profiles/ada/photos', undefined],
    ['/v1/profiles/ada/photos/7/8', undefined],
    ['/v2/profiles/ada/photos/7', undefined],
    ['/v1/profiles//photos/7', undefined],
    ['/v1/profiles/%zz/photos/7', undefined],
    ['/v1/profiles/%ff/photos/7', undefined],
  ])('%s', (path, parameters) => {
    expect(pathParameters('/v1/profiles/{account}/photos/{photo}', path)).toEqual(parameters);
  });
});

it.each<[path: string, parameters: Record<string, string> | undefined]>([
  ['/v1/ada/', { account: 'ada' }],
  ['/v1/ada/7/%zz', { account: 'ada' }],
  ['/v1/ada', undefined],
  ['/v2/ada/7', undefined],
])('parameters of %s before any rest', (path, parameters) => {
  expect(pathParameters('/v1/{account}/**', path)).toEqual(parameters);
});

describe('what a policy is told', () => {
  const operation = { id: 'profile.get', service: 'profile', path: '/v1/profiles/{account}' };
  const attributes = (over: { path?: string; principal?: string; claims?: JsonValue } = {}) =>
    create(AttributeContextSchema, {
      source: { principal: over.principal ?? 'spiffe://test.example/service/app' },
      request: {
        time: { seconds: 1_700_000_000n, nanos: 5_000_000 },
        http: {
          method: 'GET',
          path: over.path ?? '/v1/profiles/ada?a=1&a=2&__proto__=x#end',
          headers: {
            ':path': '/',
            'user-agent': 'test',
            traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          },
        },
      },
      metadataContext: {
        filterMetadata: {
          'envoy.filters.http.jwt_authn': { claims: over.claims ?? { sub: 'ada' } },
        },
      },
    });
  const inputOf = (...over: Parameters<typeof attributes>) =>
    policyInput(attributes(...over), operation, 'test.example', 0);

  it('is the request in the words of the mesh', () => {
    expect(JSON.parse(JSON.stringify(inputOf()))).toEqual({
      operation: 'profile.get',
      caller: 'app',
      callee: 'profile',
      method: 'GET',
      path: '/v1/profiles/ada',
      parameters: { account: 'ada' },
      query: JSON.parse('{"a": ["1", "2"], "__proto__": ["x"]}'),
      headers: { 'user-agent': 'test' },
      claims: { sub: 'ada' },
      time_ms: 1_700_000_000_005,
    });
    expect(traceIdOf(attributes())).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('has null for claims unless they are an object', () => {
    for (const claims of ['text', ['list'], 7, true])
      expect(inputOf({ claims })?.claims).toBeNull();
  });

  it('is nothing when the request is of another operation, or of no service', () => {
    expect(inputOf({ path: '/v1/other/ada' })).toBeUndefined();
    expect(inputOf({ principal: 'spiffe://elsewhere.example/service/app' })).toBeUndefined();
    expect(inputOf({ principal: '' })).toBeUndefined();
  });
});
