import type { Severity } from './burn-rate.js';

/**
 * An alert starts with the first evaluation that finds its rules firing: the long window is the
 * evidence, and the Workbook advises against waiting longer. It ends only when the rules have been quiet
 * for a while, so that a burn rate that swings around its threshold is one alert and not many.
 */
export const QUIET_BEFORE_END_MS = 60_000;

/** One alert of one objective. */
export interface AlertState {
  readonly firing: boolean;
  /** When it began to fire or to be inactive. Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** First evaluation that found it quiet, while it still fires; otherwise `null`. */
  readonly quietSinceMs: number | null;
}

/** Both alerts of one objective. */
export type AlertStates = Readonly<Record<Severity, AlertState>>;

/** What people see: the more urgent of the alerts that fire. */
export type AlertLevel = 'ok' | Severity;

/** An alert that has never fired. */
export function inactiveAlert(nowMs: number): AlertState {
  return { firing: false, sinceMs: nowMs, quietSinceMs: null };
}

/** The state after an evaluation. Times that go backwards (a clock was set) end nothing early. */
export function nextAlertState(state: AlertState, ruleFires: boolean, nowMs: number): AlertState {
  if (!state.firing) {
    return ruleFires ? { firing: true, sinceMs: nowMs, quietSinceMs: null } : state;
  }
  if (ruleFires) return state.quietSinceMs === null ? state : { ...state, quietSinceMs: null };
  if (state.quietSinceMs === null) return { ...state, quietSinceMs: nowMs };
  return nowMs - state.quietSinceMs >= QUIET_BEFORE_END_MS ? inactiveAlert(nowMs) : state;
}

/** The level of an objective and since when it has it. */
export function alertLevel({ page, ticket }: AlertStates): {
  readonly level: AlertLevel;
  readonly sinceMs: number;
} {
  if (page.firing) return { level: 'page', sinceMs: page.sinceMs };
  const sinceMs = Math.max(page.sinceMs, ticket.sinceMs);
  return { level: ticket.firing ? 'ticket' : 'ok', sinceMs };
}
