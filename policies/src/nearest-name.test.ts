import { describe, expect, it } from '@jest/globals';
import { didYouMean, nearestName } from './nearest-name.js';

describe('the nearest name', () => {
  const known = ['fare', 'fare.estimate', 'fare.get-estimate', 'orders', 'riders'];

  it.each([
    ['fare.estmate', 'fare.estimate'],
    ['faer', 'fare'],
    ['order', 'orders'],
    ['orders', 'orders'],
    ['x', undefined],
    ['payments', undefined],
    ['', undefined],
  ])('of %s is %s', (written, nearest) => {
    expect(nearestName(written, known)).toBe(nearest);
  });

  it('is the first by name among equally near ones, in whatever order they come', () => {
    expect(nearestName('fara', ['farb', 'fare'])).toBe('farb');
    expect(nearestName('fara', ['fare', 'farb'])).toBe('farb');
  });

  it('makes a hint', () => {
    expect(didYouMean('fares', known)).toBe('did you mean fare?');
    expect(didYouMean('unheard-of', known)).toBeUndefined();
  });
});
