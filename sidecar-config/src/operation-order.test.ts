import type { Operation } from '@dotline/model/mesh';
import { describe, expect, it } from '@jest/globals';
import { byPrecedence, overriding } from './operation-order.js';

function operations(...requests: string[]): Operation[] {
  return requests.map((request): Operation => {
    const [, method = '', host = '', path = ''] = /^(\w+) ([^/]*)(.*)$/.exec(request) ?? [];
    const outside = host === '' ? {} : { host };
    return { id: request, name: request, service: 's', class: 'read', method, path, ...outside };
  });
}

const ids = (list: readonly Operation[]) => list.map(({ id }) => id);

describe('byPrecedence', () => {
  it('puts a literal segment before a parameter', () => {
    const list = operations('GET /a/{x}/c', 'GET /{y}/b/c', 'GET /a/b/{z}', 'GET /a/b/c');
    expect(ids(byPrecedence(list))).toEqual([
      'GET /a/b/c',
      'GET /a/b/{z}',
      'GET /a/{x}/c',
      'GET /{y}/b/c',
    ]);
  });

  it('puts a parameter before any rest', () => {
    const list = operations('GET /**', 'GET /a/**', 'GET /{x}', 'GET /a/{x}', 'GET /a/b');
    expect(ids(byPrecedence(list))).toEqual([
      'GET /a/b',
      'GET /a/{x}',
      'GET /a/**',
      'GET /{x}',
      'GET /**',
    ]);
  });
});

describe('overriding', () => {
  const list = operations(
    'GET /rides/{id}',
    'GET /rides/latest',
    'POST /rides/latest',
    'GET /rides/{id}/stops',
    'GET /drivers/latest',
    'GET api.example:443/**',
    'GET api.example:443/rides/latest',
    'GET other.example:443/rides/latest',
  );

  it.each([
    ['GET /rides/{id}', ['GET /rides/latest']],
    ['GET /rides/latest', []],
    ['POST /rides/latest', []],
    ['GET /rides/{id}/stops', []],
    ['GET api.example:443/**', ['GET api.example:443/rides/latest']],
    ['GET api.example:443/rides/latest', []],
  ])('of %s', (id, expected) => {
    const operation = list.find((candidate) => candidate.id === id);
    expect(operation === undefined ? undefined : ids(overriding(operation, list))).toEqual(
      expected,
    );
  });
});
