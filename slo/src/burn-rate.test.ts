import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ALERT_WINDOWS_SECONDS,
  budgetLeftOf,
  budgetSpent,
  burnRateOf,
  burnRateRules,
  eventsNeeded,
  firingRules,
  indicatorOf,
  secondsToExhaustion,
  windowName,
} from './burn-rate.js';

const HOUR = 3600;
const DAY = 86_400;

const target = fc.double({ min: 0.5, max: 0.9999, noNaN: true });
const counts = fc
  .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 1_000_000 }))
  .map(([good, bad]) => ({ good, total: good + bad }));

describe('figures of the Workbook, for a target of 99.9 % over 30 days', () => {
  // Table "Burn rates and time to complete budget exhaustion".
  it.each([
    [1, 0.001, 30 * DAY],
    [2, 0.002, 15 * DAY],
    [10, 0.01, 3 * DAY],
    [1000, 1, 43.2 * 60],
  ])(
    'burn rate %d is an error rate of %d and spends the budget in %d s',
    (rate, errors, seconds) => {
      expect(burnRateOf({ good: 1e6 * (1 - errors), total: 1e6 }, 0.999)).toBeCloseTo(rate, 6);
      expect(secondsToExhaustion(rate, 30)).toBeCloseTo(seconds, 6);
    },
  );

  // Table "Recommended parameters for an SLO-based alerting configuration" and the expression below it.
  it.each([
    ['page', 1 * HOUR, HOUR / 12, 14.4, 0.02],
    ['page', 6 * HOUR, HOUR / 2, 6, 0.05],
    ['ticket', 1 * DAY, 2 * HOUR, 3, 0.1],
    ['ticket', 3 * DAY, 6 * HOUR, 1, 0.1],
  ])(
    'a %s looks at %d s and %d s for burn rate %d, which spends %d of the budget',
    (severity, longSeconds, shortSeconds, threshold, share) => {
      const rule = burnRateRules(30).find((candidate) => candidate.longSeconds === longSeconds);
      expect(rule).toMatchObject({ severity, shortSeconds });
      expect(rule?.threshold).toBeCloseTo(threshold, 9);
      expect(budgetSpent(threshold, longSeconds, 30)).toBeCloseTo(share, 9);
    },
  );

  it('finds a full outage within 52 s of an hour that was good until then', () => {
    const [page] = burnRateRules(30);
    const after = (outageSeconds: number) => (windowSeconds: number) => ({
      good: windowSeconds - Math.min(outageSeconds, windowSeconds),
      total: windowSeconds,
    });
    expect(firingRules(page === undefined ? [] : [page], 0.999, after(51))).toHaveLength(0);
    expect(firingRules(page === undefined ? [] : [page], 0.999, after(52))).toHaveLength(1);
  });
});

// "Low-Traffic Services and Error Budget Alerting": at 10 requests an hour one failure is a burn rate of 100.
describe('little traffic', () => {
  const alerts = (share: number, counts: { good: number; total: number }) =>
    firingRules(burnRateRules(28), share, () => counts).map(({ severity }) => severity);

  it.each([
    [0.9, 10],
    [0.95, 20],
    [0.99, 100],
    [0.999, 1_000],
  ])('a target of %d needs %d events', (share, needed) => {
    expect(eventsNeeded(share)).toBe(needed);
  });

  it('alerts nobody because of the first few bad requests', () => {
    expect(alerts(0.99, { good: 0, total: 1 })).toEqual([]);
    expect(alerts(0.99, { good: 31, total: 40 })).toEqual([]);
    expect(alerts(0.999, { good: 9, total: 10 })).toEqual([]);
  });

  it('alerts when nothing works', () => {
    expect(alerts(0.99, { good: 0, total: 10 })).toEqual(['page', 'ticket', 'ticket']);
    expect(alerts(0.99, { good: 0, total: 14 })).toEqual(['page', 'page', 'ticket', 'ticket']);
    expect(alerts(0.999, { good: 0, total: 14 })).toContain('page');
  });
});

describe('rules of other windows', () => {
  it('lets the same share of the budget burn before it alerts', () => {
    for (const days of [30, 60, 90]) {
      expect(
        burnRateRules(days).map((rule) => budgetSpent(rule.threshold, rule.longSeconds, days)),
      ).toEqual([0.02, 0.05, 0.1, 0.1].map((share) => expect.closeTo(share, 9)));
    }
  });

  it('takes 13.44, 5.6, 2.8 and 1 for four weeks', () => {
    expect(burnRateRules(28).map((rule) => rule.threshold)).toEqual(
      [13.44, 5.6, 2.8, 1].map((threshold) => expect.closeTo(threshold, 9)),
    );
  });

  it('never alerts where the budget outlasts the window, nor over more than the window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), (days) => {
        for (const rule of burnRateRules(days)) {
          expect(rule.threshold).toBeGreaterThanOrEqual(1);
          expect(rule.longSeconds).toBeLessThanOrEqual(days * DAY);
          expect(ALERT_WINDOWS_SECONDS).toContain(rule.longSeconds);
          expect(ALERT_WINDOWS_SECONDS).toContain(rule.shortSeconds);
        }
      }),
    );
    expect(burnRateRules(1).map((rule) => windowName(rule.longSeconds))).toEqual([
      '1h',
      '6h',
      '1d',
    ]);
  });
});

describe('laws', () => {
  it('no events: nothing is known and nothing fires', () => {
    fc.assert(
      fc.property(target, (share) => {
        const none = { good: 0, total: 0 };
        expect(indicatorOf(none)).toBeNull();
        expect(burnRateOf(none, share)).toBeNull();
        expect(budgetLeftOf(none, share)).toBeNull();
        expect(firingRules(burnRateRules(30), share, () => none)).toEqual([]);
      }),
    );
  });

  it('no bad events: the whole budget is left and nothing fires', () => {
    fc.assert(
      fc.property(target, fc.integer({ min: 1 }), (share, total) => {
        const all = { good: total, total };
        expect(indicatorOf(all)).toBe(1);
        expect(budgetLeftOf(all, share)).toBe(1);
        expect(firingRules(burnRateRules(30), share, () => all)).toEqual([]);
      }),
    );
  });

  it('exactly the target: burn rate 1 sustained over the window spends exactly the budget', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 2, max: 10_000 }),
        (days, total) => {
          const window = { good: total - 1, total };
          const share = (total - 1) / total;
          expect(burnRateOf(window, share)).toBeCloseTo(1, 6);
          expect(budgetLeftOf(window, share)).toBeCloseTo(0, 6);
          expect(budgetSpent(1, days * DAY, days)).toBe(1);
          expect(secondsToExhaustion(1, days)).toBe(days * DAY);
        },
      ),
    );
  });

  it('one more bad event: the burn rate rises, the budget falls, and what fired still fires', () => {
    fc.assert(
      fc.property(
        counts.filter(({ good }) => good > 0),
        target,
        (window, share) => {
          const worse = { good: window.good - 1, total: window.total };
          const before = burnRateOf(window, share) ?? 0;
          expect(burnRateOf(worse, share)).toBeGreaterThan(before);
          expect(budgetLeftOf(worse, share)).toBeLessThan(budgetLeftOf(window, share) ?? 0);
          const firing = firingRules(burnRateRules(30), share, () => window);
          expect(firingRules(burnRateRules(30), share, () => worse)).toEqual(
            expect.arrayContaining([...firing]),
          );
        },
      ),
    );
  });

  it('the budget is negative exactly when the target is missed', () => {
    fc.assert(
      fc.property(
        counts.filter(({ total }) => total > 0),
        target,
        (window, share) => {
          const indicator = indicatorOf(window) ?? 0;
          if (Math.abs(indicator - share) < 1e-9) return;
          expect((budgetLeftOf(window, share) ?? 0) < 0).toBe(indicator < share);
        },
      ),
    );
  });

  it('both windows must burn', () => {
    const rules = burnRateRules(30);
    const [bad, good, none] = [
      { good: 0, total: 1_000 },
      { good: 1_000, total: 1_000 },
      { good: 0, total: 0 },
    ];
    const firing = (countsOver: (seconds: number) => { good: number; total: number }) =>
      firingRules(rules, 0.999, countsOver);
    expect(firing((seconds) => (seconds === 300 ? bad : good))).toEqual([]);
    expect(firing((seconds) => (seconds === 3600 ? bad : none))).toEqual([]);
    expect(firing((seconds) => (seconds <= 3600 ? bad : good))).toHaveLength(1);
  });
});

it.each([
  [300, '5m'],
  [1800, '30m'],
  [3600, '1h'],
  [21_600, '6h'],
  [259_200, '3d'],
])('%d s is called %s', (seconds, name) => {
  expect(windowName(seconds)).toBe(name);
});
