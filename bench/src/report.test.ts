import { describe, expect, it } from '@jest/globals';
import { report } from './report.js';
import { Results } from './results.js';

function results(oursMs: number): Results {
  const all = new Results();
  for (const [server, value] of [
    ['ours', oursMs],
    ['go-control-plane', 400],
  ] as const) {
    all.add({ scenario: 'one-endpoint', metric: 'p99, ms', server, value });
  }
  return all;
}

describe('report', () => {
  it('sets both sides, the ratio and the target side by side', () => {
    expect(report(results(100), 'a machine', 'markdown')).toContain(
      '| p99, ms | 100 | 400 | 1/4.0 | ≤ 1/4 (goal 1/5): met; ≤ istio |',
    );
  });

  it('says when a target is missed', () => {
    expect(report(results(101), 'a machine', 'text')).toContain('MISSED');
  });

  it('holds ours to the better one of several peers', () => {
    const all = new Results();
    const metric = 'server CPU after the compile, ms';
    for (const [server, value] of [
      ['istio', 240],
      ['dotline', 100],
      ['istio-debounced', 480],
    ] as const) {
      all.add({ scenario: 'dotline', metric, server, value });
    }
    expect(report(all, 'a machine', 'markdown')).toContain(
      `| ${metric} | 240 | 100 | 480 | 1/2.4 | 1/4.8 | ≤ 1/3 of Istio's: MISSED |`,
    );
  });

  it('tells the median of the rounds', () => {
    const all = results(10);
    for (const value of [30, 20]) {
      all.add({ scenario: 'one-endpoint', metric: 'p99, ms', server: 'ours', value });
    }
    expect(all.value('one-endpoint', 'p99, ms', 'ours')).toBe(20);
  });
});
