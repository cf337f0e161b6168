import { expect, it } from '@jest/globals';
import { platformSpiffeId, serviceOfSpiffeId, serviceSpiffeId } from './spiffe-id.js';

it('reads back the service it wrote', () => {
  expect(serviceOfSpiffeId('t.example', serviceSpiffeId('t.example', 'fare'))).toBe('fare');
});

it.each([
  platformSpiffeId('t.example', 'collector'),
  'spiffe://other.example/service/fare',
  'spiffe://t.example/service/',
  'spiffe://t.example/service/fare/extra',
  'https://t.example/service/fare',
])('names no service for %s', (id) => {
  expect(serviceOfSpiffeId('t.example', id)).toBeUndefined();
});
