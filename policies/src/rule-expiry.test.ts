import type { Witness } from '@dotline/model/edge';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expiredRules, expiringRules, nextExpiryMs } from './rule-expiry.js';

const DAY_MS = 86_400_000;
const rule = (expires?: string): Witness => ({
  ...{ team: 'rides', file: 'policies/teams/rides/a.rego', line: 3 },
  ...(expires === undefined ? {} : { expires }),
});
const at = (time: string) => Date.parse(time);

describe('the last day of a rule', () => {
  it.each<[now: string, expired: number, soon: number]>([
    ['2026-05-31T23:59:59.999Z', 0, 0],
    ['2026-06-16T23:59:59.999Z', 0, 0],
    ['2026-06-17T00:00:00Z', 0, 1],
    ['2026-06-30T23:59:59.999Z', 0, 1],
    ['2026-07-01T00:00:00Z', 1, 0],
    ['2030-01-01T00:00:00Z', 1, 0],
  ])('is 2026-06-30, seen at %s: %d expired, %d soon', (now, expired, soon) => {
    const rules = [rule('2026-06-30'), rule()];
    expect(expiredRules(rules, at(now))).toHaveLength(expired);
    expect(expiringRules(rules, at(now))).toHaveLength(soon);
  });

  it('is told with the way out', () => {
    const named = { ...rule('2026-06-30'), title: 'A trial', ticket: 'RIDES-1' };
    expect(expiringRules([named, rule('2026-06-30')], at('2026-06-30T08:00:00Z'))).toEqual([
      {
        ...{ file: named.file, line: 3 },
        message: '"A trial" expires soon: its last day is 2026-06-30',
        hint: 'remove it by then, or set another custom.expires; see RIDES-1',
      },
      {
        ...{ file: named.file, line: 3 },
        message: 'a rule of rides expires soon: its last day is 2026-06-30',
        hint: 'remove it by then, or set another custom.expires',
      },
    ]);
  });

  it('never comes for rules without one', () => {
    expect(nextExpiryMs([rule()], at('2026-06-30T00:00:00Z'))).toBeUndefined();
    expect(nextExpiryMs([], at('2026-06-30T00:00:00Z'))).toBeUndefined();
  });
});

describe('the next expiry', () => {
  const date = fc
    .integer({ min: -400, max: 400 })
    .map((days) => new Date(at('2026-06-15T00:00:00Z') + days * DAY_MS).toISOString().slice(0, 10));
  const rules = fc.array(fc.option(date, { nil: undefined }).map(rule), { maxLength: 12 });
  const now = fc.integer({ min: at('2025-06-01T00:00:00Z'), max: at('2027-06-01T00:00:00Z') });

  it('is the first moment at which more rules have expired than now', () => {
    fc.assert(
      fc.property(rules, now, (some, nowMs) => {
        const expired = (ms: number) => expiredRules(some, ms).length;
        const next = nextExpiryMs(some, nowMs);
        if (next === undefined) {
          expect(expired(Number.MAX_SAFE_INTEGER)).toBe(expired(nowMs));
          return;
        }
        expect(next).toBeGreaterThan(nowMs);
        expect(expired(next - 1)).toBe(expired(nowMs));
        expect(expired(next)).toBeGreaterThan(expired(nowMs));
      }),
    );
  });

  it('never leaves a rule both expired and soon to expire', () => {
    fc.assert(
      fc.property(date, now, (expires, nowMs) => {
        const one = [rule(expires)];
        const told = expiredRules(one, nowMs).length + expiringRules(one, nowMs).length;
        expect(told).toBeLessThanOrEqual(1);
      }),
    );
  });
});
