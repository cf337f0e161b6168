import { describe, expect, it } from '@jest/globals';
import { historySeries } from './history-series.js';

describe('history series', () => {
  it('are columns in order of time, errors as a rate', () => {
    const point = {
      requestsPerSecond: 10,
      errorRate: 0.1,
      deniedPerSecond: 2,
      p50Ms: 4,
      p99Ms: null,
    };
    const series = historySeries([
      { ...point, atMs: 2_000 },
      { ...point, atMs: 1_000, requestsPerSecond: 20 },
    ]);
    expect(series).toEqual({
      seconds: [1, 2],
      requests: [20, 10],
      errors: [2, 1],
      denied: [2, 2],
      p50: [4, 4],
      p99: [null, null],
    });
  });
});
