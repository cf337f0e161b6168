import { describe, expect, it } from '@jest/globals';
import { age, parseDuration } from './duration.js';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['0s', 0],
    ['1d', 86_400_000],
  ])('%s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['30', '', 'soon', '-1s', '2d', '1 s 2', 's'])('are not %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('count back from now', () => {
    expect(age(1_000, 13_400)).toBe('12s');
    expect(age(2_000, 1_000)).toBe('0ms');
    expect(age(null, 1_000)).toBe('-');
  });
});
