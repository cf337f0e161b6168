import type { Operation } from '@dotline/model/mesh';
import { describe, expect, it } from '@jest/globals';
import { byPrecedence, overriding } from './operation-order.js';

function operations(...requests: string[]): Operation[] {
  return requests.map((request): Operation => {
    const [method = '', path = ''] = request.split(' ');
    return { id: request, name: request, service: 's', class: 'read', method, path };
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
});

describe('overriding', () => {
  const list = operations(
    'GET /rides/{id}',
    'GET /rides/latest',
    'POST /rides/latest',
    'GET /rides/{id}/stops',
    'GET /drivers/latest',
  );

  it.each([
    ['GET /rides/{id}', ['GET /rides/latest']],
    ['GET /rides/latest', []],
    ['POST /rides/latest', []],
    ['GET /rides/{id}/stops', []],
  ])('of %s', (id, expected) => {
    const operation = list.find((candidate) => candidate.id === id);
    expect(operation === undefined ? undefined : ids(overriding(operation, list))).toEqual(
      expected,
    );
  });
});
