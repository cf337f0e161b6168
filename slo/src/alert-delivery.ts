import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { secondsToExhaustion, windowName } from './burn-rate.js';
import type { Evaluation } from './evaluator.js';
import type { AlertTransition } from './objective-status-store.js';

const CHANNEL = 'dotline:events';

/**
 * Tells people and processes about alerts that began or ended: a log line with whom to ask, and a hint
 * on Valkey. The truth is in PostgreSQL already, so a hint that cannot be sent is only logged.
 */
export class AlertDelivery {
  constructor(
    private readonly valkey: Redis,
    private readonly log: Logger,
  ) {}

  async deliver({ live, transitions }: Evaluation): Promise<void> {
    if (transitions.length === 0) return;
    const contacts = new Map(live.teams.map((team) => [team.name, team.contact]));
    for (const transition of transitions) {
      const { objective } = transition.evaluation;
      this.#write(transition, contacts.get(objective.team) ?? objective.team);
    }
    const objectives = [...new Set(transitions.map(({ evaluation }) => evaluation.objective.name))];
    try {
      await this.valkey.publish(CHANNEL, JSON.stringify({ type: 'slo', objectives }));
    } catch (error) {
      this.log.warn({ reason: String(error) }, 'Valkey does not answer; readers will poll');
    }
  }

  #write({ evaluation, severity, firing }: AlertTransition, contact: string): void {
    const { objective, budgetLeft, burnRates } = evaluation;
    const about = {
      objective: objective.name,
      service: objective.service,
      team: objective.team,
      contact,
      severity,
      budgetLeft,
      file: `${objective.file}:${objective.line}`,
    };
    if (!firing) {
      this.log.info(about, `${severity} ended: ${objective.title}`);
      return;
    }
    const rule = evaluation.firing.find((candidate) => candidate.severity === severity);
    const window = rule && windowName(rule.longSeconds);
    const burnRate = burnRates.find((candidate) => candidate.window === window)?.burnRate ?? 0;
    const hours = secondsToExhaustion(burnRate, objective.windowDays) / 3600;
    this.log.error(
      { ...about, window, burnRate, threshold: rule?.threshold },
      `${severity}: ${objective.title}: at this rate a full error budget lasts ${hours.toFixed(1)} h`,
    );
  }
}
