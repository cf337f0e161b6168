import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ExpiryTimer } from './expiry-timer.js';

const DAY_MS = 86_400_000;

describe('an expiry', () => {
  let came: number;
  let timer: ExpiryTimer;
  /** How far the wall clock was set forward. */
  let setForwardMs: number;

  beforeEach(() => {
    jest.useFakeTimers();
    came = 0;
    setForwardMs = 0;
    timer = new ExpiryTimer(
      () => Date.now() + setForwardMs,
      () => {
        came += 1;
      },
    );
  });
  afterEach(() => {
    timer.close();
    jest.useRealTimers();
  });

  it.each([1, 5_000, DAY_MS, 400 * DAY_MS])('is told once, not early: in %d ms', (afterMs) => {
    timer.set(Date.now() + afterMs);
    jest.advanceTimersByTime(Math.max(afterMs - 1, 0));
    expect(came).toBe(0);
    jest.advanceTimersByTime(1);
    expect(came).toBe(1);
    jest.advanceTimersByTime(2 * DAY_MS);
    expect(came).toBe(1);
  });

  it('is told at once when it is past', () => {
    timer.set(Date.now() - DAY_MS);
    jest.advanceTimersByTime(0);
    expect(came).toBe(1);
  });

  it('is told within an hour when the clock was set forward', () => {
    timer.set(Date.now() + 10 * DAY_MS);
    setForwardMs = 10 * DAY_MS;
    jest.advanceTimersByTime(3_600_000);
    expect(came).toBe(1);
  });

  it('is replaced by another, by none, and ended', () => {
    timer.set(Date.now() + 1_000);
    timer.set(Date.now() + 5_000);
    jest.advanceTimersByTime(4_999);
    expect(came).toBe(0);
    timer.set(undefined);
    jest.advanceTimersByTime(DAY_MS);
    timer.set(Date.now() + 1_000);
    timer.close();
    jest.advanceTimersByTime(DAY_MS);
    expect(came).toBe(0);
  });
});
