import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { DecisionListener } from './request-authorizer.js';
import type { ShadowVerdict } from './shadow-judge.js';

/** Metrics of an authorizer; `/metrics` shows them. */
export class AuthorizerMetrics {
  readonly registry = new Registry();

  readonly #decisions = new Counter({
    name: 'dotline_authorizer_decisions_total',
    help: 'Requests decided, by team, outcome (allowed, refused, undecided) and, when undecided, why',
    labelNames: ['team', 'outcome', 'reason'],
    registers: [this.registry],
  });
  readonly #judged = new Counter({
    name: 'dotline_authorizer_shadow_verdicts_total',
    help: 'Requests judged by a staged revision, by what was decided and what would have been (unknown: not judged)',
    labelNames: ['live', 'staged'],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'dotline_authorizer_decision_seconds',
    help: 'From question to answer',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
    registers: [this.registry],
  });

  constructor(policies: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'dotline_authorizer_policies',
      help: 'Policies that are loaded',
      registers: [this.registry],
      collect() {
        this.set(policies());
      },
    });
  }

  readonly decided: DecisionListener = ({ verdict, responsible, latencyUs }) => {
    const { outcome } = verdict;
    const reason = outcome === 'undecided' ? verdict.reason : '';
    this.#decisions.inc({ team: responsible?.team ?? '', outcome, reason });
    this.#seconds.observe(latencyUs / 1_000_000);
  };

  readonly judged = ({ live, staged }: ShadowVerdict): void => {
    this.#judged.inc({ live, staged });
  };
}
