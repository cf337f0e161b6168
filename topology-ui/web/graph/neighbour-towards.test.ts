import { describe, expect, it } from '@jest/globals';
import { neighbourTowards } from './neighbour-towards.js';

const positions = {
  a: { x: 0, y: 0 },
  b: { x: 100, y: 20 },
  c: { x: 300, y: 0 },
  d: { x: 10, y: 100 },
};
const ids = Object.keys(positions);

describe('moving between dots with arrow keys', () => {
  it.each([
    ['ArrowRight', 'a', 'b'],
    ['ArrowRight', 'b', 'c'],
    ['ArrowDown', 'a', 'd'],
    ['ArrowUp', 'd', 'a'],
    ['ArrowLeft', 'a', null],
    ['Enter', 'a', null],
    ['ArrowLeft', 'gone', null],
  ])('%s from %p leads to %p', (key, from, to) => {
    expect(neighbourTowards(key, from, ids, positions)).toBe(to);
  });
});
