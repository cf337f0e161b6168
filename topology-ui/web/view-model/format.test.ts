import { describe, expect, it } from '@jest/globals';
import {
  formatAgo,
  formatCount,
  formatLevel,
  formatMs,
  formatRate,
  formatShare,
  formatSpan,
  plural,
} from './format.js';

describe('figures', () => {
  it.each([
    [0, '0/s'],
    [Number.NaN, '0/s'],
    [0.04, '<0.1/s'],
    [0.42, '0.4/s'],
    [9.96, '10/s'],
    [42.4, '42/s'],
    [999.6, '1k/s'],
    [1_340, '1.3k/s'],
    [12_340, '12k/s'],
    [2_100_000, '2.1M/s'],
  ])('shows a rate of %p as %p', (rate, text) => expect(formatRate(rate)).toBe(text));

  it.each([
    [7, '7'],
    [100, '100'],
    [1_000, '1k'],
  ])('shows the count %p as %p', (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [null, '–'],
    [0, '0%'],
    [0.00004, '<0.01%'],
    [0.0002, '0.02%'],
    [0.014, '1.4%'],
    [0.37, '37%'],
    [1, '100%'],
    [-0.5, '-50%'],
  ])('shows the share %p as %p', (share, text) => expect(formatShare(share)).toBe(text));

  it.each([
    [0.999, '99.9%'],
    [0.9999999, '99.999%'],
    [1, '100%'],
    [0.95, '95%'],
    [null, '–'],
  ])('shows the level %p as %p and never rounds up to all', (level, text) =>
    expect(formatLevel(level)).toBe(text),
  );

  it.each([
    [null, '–'],
    [0.42, '0.4 ms'],
    [42.4, '42 ms'],
    [1_340, '1.3 s'],
    [61_000, '61 s'],
  ])('shows %p milliseconds as %p', (ms, text) => expect(formatMs(ms)).toBe(text));

  it('shows spans in their largest unit', () => {
    expect([0, 59_999, 60_000, 7_200_000, 172_800_000].map(formatSpan)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '2 h',
      '2 d',
    ]);
    expect(formatAgo(1_000, 1_500)).toBe('now');
    expect(formatAgo(1_000, 13_500)).toBe('12 s ago');
  });

  it('counts things', () => {
    expect([plural(1, 'line'), plural(2, 'line'), plural(0, 'entry', 'entries')]).toEqual([
      '1 line',
      '2 lines',
      '0 entries',
    ]);
  });
});
