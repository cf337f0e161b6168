import type {
  ExponentialHistogramDataPoint_Buckets as ExponentialBuckets,
  ExponentialHistogramDataPoint,
} from '../gen/opentelemetry/proto/metrics/v1/metrics.js';

/** Buckets with explicit upper bounds; there is one count more than bounds. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly bucketCounts: readonly bigint[];
}

type ScaledPoint = Pick<
  ExponentialHistogramDataPoint,
  'scale' | 'zeroCount' | 'zeroThreshold' | 'positive' | 'negative'
>;

/** The data model's own limit is 160 by default; this bounds what a stranger may send. */
const BUCKETS_MAX = 1024;

/**
 * The same counts under explicit bounds, so that one query reads both kinds of histogram. Bucket `i`
 * of the positive range holds values in `(base^(offset+i), base^(offset+i+1)]`, the negative range
 * mirrors it.
 * Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
 */
export function explicitBuckets(point: ScaledPoint): Buckets {
  const base = 2 ** (2 ** -point.scale);
  const bounds: number[] = [];
  const bucketCounts: bigint[] = [];
  const add = (bound: number, count: bigint) => {
    bounds.push(bound);
    bucketCounts.push(count);
  };
  for (const { index, count } of cut(point.negative).reverse()) add(-(base ** index), count);
  add(point.zeroThreshold, point.zeroCount);
  for (const { index, count } of cut(point.positive)) {
    const lower = base ** index;
    // Values between two ranges: there are none, but the bound belongs to the next bucket.
    if (lower > (bounds.at(-1) ?? 0)) add(lower, 0n);
    add(base ** (index + 1), count);
  }
  return { bounds, bucketCounts: [...bucketCounts, 0n] };
}

function cut(buckets: ExponentialBuckets | undefined): { index: number; count: bigint }[] {
  return (buckets?.bucketCounts ?? [])
    .slice(0, BUCKETS_MAX)
    .map((count, position) => ({ index: (buckets?.offset ?? 0) + position, count }));
}
