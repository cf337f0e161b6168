import { expect, it } from '@jest/globals';
import { parseRange } from './comparison-range.js';

it.each([
  ['main..HEAD', 'main', 'HEAD'],
  ['live..v1.2', 'live', 'v1.2'],
  ['main..', 'main', undefined],
  ['..topic', undefined, 'topic'],
  ['topic', undefined, 'topic'],
  ['HEAD~2..topic/a.b', 'HEAD~2', 'topic/a.b'],
])('%s', (text, base, head) => {
  expect(parseRange(text)).toEqual({ base, head });
});

it.each(['', 'a...b', 'a..b..c', 'a b', 'main..live', 'live'])('%j is no range', (text) => {
  expect(parseRange(text)).toBeUndefined();
});
