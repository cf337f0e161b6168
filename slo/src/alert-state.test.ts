import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type AlertState,
  alertLevel,
  inactiveAlert,
  nextAlertState,
  QUIET_BEFORE_END_MS,
} from './alert-state.js';

const firing = (sinceMs: number, quietSinceMs: number | null = null): AlertState => ({
  firing: true,
  sinceMs,
  quietSinceMs,
});

describe('nextAlertState', () => {
  it.each<[string, AlertState, boolean, number, AlertState]>([
    ['stays inactive', inactiveAlert(5), false, 100, inactiveAlert(5)],
    ['fires at once', inactiveAlert(5), true, 100, firing(100)],
    ['goes on firing', firing(100), true, 200, firing(100)],
    ['notes the first quiet evaluation', firing(100), false, 200, firing(100, 200)],
    ['forgets a short quiet', firing(100, 200), true, 300, firing(100)],
    ['waits while the quiet is short', firing(100, 200), false, 60_199, firing(100, 200)],
    ['ends after a minute of quiet', firing(100, 200), false, 60_200, inactiveAlert(60_200)],
    ['ends nothing when the clock goes back', firing(100, 200), false, 50, firing(100, 200)],
  ])('%s', (_name, state, ruleFires, nowMs, expected) => {
    expect(nextAlertState(state, ruleFires, nowMs)).toEqual(expected);
  });

  it('never fires without a firing rule and never ends while one fires', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (evaluations) => {
        let state = inactiveAlert(0);
        for (const [index, fires] of evaluations.entries()) {
          const nowMs = (index + 1) * 10_000;
          const next = nextAlertState(state, fires, nowMs);
          if (fires) expect(next.firing).toBe(true);
          if (next.firing && !state.firing) expect(fires).toBe(true);
          if (state.firing && !next.firing) {
            const quietEvaluations = evaluations
              .slice(0, index + 1)
              .reverse()
              .indexOf(true);
            expect((quietEvaluations - 1) * 10_000).toBeGreaterThanOrEqual(QUIET_BEFORE_END_MS);
          }
          state = next;
        }
      }),
    );
  });
});

describe('alertLevel', () => {
  it.each([
    ['nothing fires', inactiveAlert(3), inactiveAlert(4), { level: 'ok', sinceMs: 4 }],
    ['a ticket', inactiveAlert(3), firing(9), { level: 'ticket', sinceMs: 9 }],
    ['a page', firing(7), inactiveAlert(3), { level: 'page', sinceMs: 7 }],
    ['both', firing(7), firing(9), { level: 'page', sinceMs: 7 }],
    ['a ticket after a page', inactiveAlert(12), firing(9), { level: 'ticket', sinceMs: 12 }],
  ])('%s', (_name, page, ticket, expected) => {
    expect(alertLevel({ page, ticket })).toEqual(expected);
  });
});
