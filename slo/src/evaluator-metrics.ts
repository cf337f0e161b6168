import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Evaluation } from './evaluator.js';

const OBJECTIVE = ['objective', 'service', 'team'] as const;

/** What Prometheus sees of the evaluator and of the objectives. */
export class EvaluatorMetrics {
  readonly registry = new Registry();
  readonly #evaluations = new Counter({
    name: 'dotline_slo_evaluations_total',
    help: 'Evaluations of all objectives, by outcome',
    labelNames: ['outcome'] as const,
    registers: [this.registry],
  });
  readonly #duration = new Histogram({
    name: 'dotline_slo_evaluation_seconds',
    help: 'Time that one evaluation of all objectives took',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [this.registry],
  });
  readonly #lastSuccess = new Gauge({
    name: 'dotline_slo_last_success_timestamp_seconds',
    help: 'When the latest evaluation that succeeded was done',
    registers: [this.registry],
  });
  readonly #indicator = new Gauge({
    name: 'dotline_slo_indicator_ratio',
    help: "Share of good events in the objective's window; absent without events",
    labelNames: OBJECTIVE,
    registers: [this.registry],
  });
  readonly #target = new Gauge({
    name: 'dotline_slo_target_ratio',
    help: 'Share of good events that the objective asks for',
    labelNames: OBJECTIVE,
    registers: [this.registry],
  });
  readonly #budgetLeft = new Gauge({
    name: 'dotline_slo_error_budget_left_ratio',
    help: "Share of the error budget that the objective's window has left; absent without events",
    labelNames: OBJECTIVE,
    registers: [this.registry],
  });
  readonly #burnRate = new Gauge({
    name: 'dotline_slo_burn_rate',
    help: 'Burn rate over an alert window; absent without events',
    labelNames: [...OBJECTIVE, 'window'] as const,
    registers: [this.registry],
  });
  readonly #firing = new Gauge({
    name: 'dotline_slo_rule_firing',
    help: 'Whether the burn rates are above the thresholds of any rule of a severity',
    labelNames: [...OBJECTIVE, 'severity'] as const,
    registers: [this.registry],
  });

  constructor() {
    // By default the lag of the event loop is looked at a hundred times a second.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 });
  }

  succeeded(evaluation: Evaluation | undefined, durationMs: number, nowMs: number): void {
    this.#evaluations.inc({ outcome: 'success' });
    this.#duration.observe(durationMs / 1000);
    this.#lastSuccess.set(nowMs / 1000);
    // Objectives that are no more, and windows without events, must not keep their last value.
    for (const gauge of [this.#indicator, this.#target, this.#budgetLeft]) gauge.reset();
    this.#burnRate.reset();
    this.#firing.reset();
    for (const { objective, indicator, budgetLeft, burnRates, firing } of evaluation?.evaluations ??
      []) {
      const labels = {
        objective: objective.name,
        service: objective.service,
        team: objective.team,
      };
      this.#target.set(labels, objective.target);
      if (indicator !== null) this.#indicator.set(labels, indicator);
      if (budgetLeft !== null) this.#budgetLeft.set(labels, budgetLeft);
      for (const { window, burnRate } of burnRates) {
        this.#burnRate.set({ ...labels, window }, burnRate);
      }
      for (const severity of ['page', 'ticket'] as const) {
        const fires = firing.some((rule) => rule.severity === severity);
        this.#firing.set({ ...labels, severity }, fires ? 1 : 0);
      }
    }
  }

  failed(): void {
    this.#evaluations.inc({ outcome: 'failure' });
  }
}
