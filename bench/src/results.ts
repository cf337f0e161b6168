import { median } from './quantiles.js';

/** One number that was measured. Names end in their unit. */
export interface Reading {
  readonly scenario: string;
  readonly metric: string;
  readonly server: string;
  readonly value: number;
}

/** All readings of a run; rounds repeat them. */
export class Results {
  readonly #readings: Reading[] = [];

  add(reading: Reading): void {
    this.#readings.push(reading);
  }

  get readings(): readonly Reading[] {
    return this.#readings;
  }

  get servers(): string[] {
    return [...new Set(this.#readings.map(({ server }) => server))];
  }

  /** Scenario and metric, in the order in which they were first measured. */
  get rows(): { readonly scenario: string; readonly metric: string }[] {
    const seen = new Map<string, { scenario: string; metric: string }>();
    for (const { scenario, metric } of this.#readings) {
      seen.set(`${scenario}\n${metric}`, { scenario, metric });
    }
    return [...seen.values()];
  }

  /** The median over the rounds. */
  value(scenario: string, metric: string, server: string): number | undefined {
    const values = this.#readings
      .filter((each) => each.scenario === scenario && each.metric === metric)
      .filter((each) => each.server === server)
      .map(({ value }) => value);
    return values.length === 0 ? undefined : median(values);
  }
}
