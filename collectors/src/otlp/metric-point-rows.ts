import type { KeyValue } from '../gen/opentelemetry/proto/common/v1/common.js';
import {
  AggregationTemporality,
  type ExponentialHistogramDataPoint,
  type Metric,
  type NumberDataPoint,
} from '../gen/opentelemetry/proto/metrics/v1/metrics.js';
import { attributesOf } from './attributes.js';
import { type ClampCount, clampedTime, unixSeconds } from './event-time.js';
import { type Buckets, explicitBuckets } from './exponential-buckets.js';
import type { Sender } from './sender.js';
import { arrayOf, Composite, line, mapOf } from './tab-separated.js';

/** Columns of `metric_points`, in the order in which {@link metricPointRows} writes them. */
export const METRIC_POINT_COLUMNS = [
  'time',
  'start_time',
  'service',
  'instance',
  'name',
  'kind',
  'temporality',
  'monotonic',
  'unit',
  'value',
  'count',
  'sum',
  'bounds',
  'bucket_counts',
  'quantile_values',
  'attributes',
] as const;

const NAME_MAX = 256;
const UNIT_MAX = 64;

interface Point extends Partial<Buckets> {
  readonly kind: 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary';
  readonly timeUnixNano: bigint;
  readonly startTimeUnixNano: bigint;
  readonly attributes: readonly KeyValue[];
  readonly temporality?: AggregationTemporality;
  readonly monotonic?: boolean;
  readonly value?: number;
  readonly count?: bigint;
  readonly sum?: number;
  readonly quantileValues?: readonly number[];
}

const TEMPORALITIES = new Map<AggregationTemporality, string>([
  [AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA, 'delta'],
  [AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE, 'cumulative'],
]);

/** The points of a metric as lines of `metric_points`. */
export function metricPointRows(
  metric: Metric,
  sender: Sender,
  arrivalNs: bigint,
  counts: ClampCount,
): string[] {
  return pointsOf(metric).map((point) => {
    const timeNs = clampedTime(point.timeUnixNano, arrivalNs, counts);
    const startNs = point.startTimeUnixNano === 0n ? timeNs : point.startTimeUnixNano;
    return line([
      unixSeconds(timeNs, 3),
      // Processes run for months, so a start may be old; it may not be after the point.
      unixSeconds(startNs > timeNs ? timeNs : startNs, 3),
      sender.service,
      sender.instance,
      metric.name.slice(0, NAME_MAX),
      point.kind,
      TEMPORALITIES.get(point.temporality ?? 0) ?? 'unspecified',
      point.monotonic ?? false,
      metric.unit.slice(0, UNIT_MAX),
      float(point.value ?? 0),
      point.count ?? 0n,
      float(point.sum ?? 0),
      arrayOf((point.bounds ?? []).map(float)),
      arrayOf(point.bucketCounts ?? []),
      arrayOf((point.quantileValues ?? []).map(float)),
      mapOf(attributesOf(point.attributes)),
    ]);
  });
}

function pointsOf({ data }: Metric): Point[] {
  switch (data?.$case) {
    case undefined:
      return [];
    case 'gauge':
      return data.value.dataPoints.map((point) => ({
        ...point,
        kind: 'gauge',
        value: numberOf(point),
      }));
    case 'sum':
      return data.value.dataPoints.map((point) => ({
        ...point,
        kind: 'sum',
        temporality: data.value.aggregationTemporality,
        monotonic: data.value.isMonotonic,
        value: numberOf(point),
      }));
    case 'histogram':
      return data.value.dataPoints.map(({ sum = 0, ...point }) => ({
        ...point,
        sum,
        kind: 'histogram',
        temporality: data.value.aggregationTemporality,
        bounds: point.explicitBounds,
      }));
    case 'exponentialHistogram':
      return data.value.dataPoints.map((point) => exponentialPoint(point, data.value));
    case 'summary':
      return data.value.dataPoints.map((point) => ({
        ...point,
        kind: 'summary',
        bounds: point.quantileValues.map(({ quantile }) => quantile),
        quantileValues: point.quantileValues.map(({ value }) => value),
      }));
  }
}

function exponentialPoint(
  { sum = 0, ...point }: ExponentialHistogramDataPoint,
  { aggregationTemporality }: { aggregationTemporality: AggregationTemporality },
): Point {
  return {
    ...point,
    ...explicitBuckets(point),
    sum,
    kind: 'exponential_histogram',
    temporality: aggregationTemporality,
  };
}

function numberOf({ value }: NumberDataPoint): number {
  return Number(value?.value ?? 0);
}

/** ClickHouse writes what is no number as `nan`, `inf` and `-inf`. */
function float(value: number): number | Composite {
  return Number.isFinite(value)
    ? value
    : new Composite(String(value).replace('Infinity', 'inf').toLowerCase());
}
