import { describe, expect, it } from '@jest/globals';
import { median, spread } from './quantiles.js';

describe('spread', () => {
  it('takes the value that so many are at or below, whatever the order', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
    expect(spread(values)).toEqual({ p50: 501, p99: 991, max: 1_000 });
  });

  it('refuses to tell of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});
