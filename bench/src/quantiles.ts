/** How values are spread; in the unit of the values. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** @throws RangeError without values */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (quantile: number) => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))];
    if (value === undefined) {
      throw new RangeError('nothing was measured');
    }
    return value;
  };
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function median(values: readonly number[]): number {
  return spread(values).p50;
}
