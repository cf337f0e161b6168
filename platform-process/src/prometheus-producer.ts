import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { core, metrics, resources } from '@opentelemetry/sdk-node';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';

type Metric = MetricObjectWithValues<MetricValue<string>>;

/** Of the process's own, these; the rest of what prom-client counts about Node is for Prometheus. */
const PROCESS_METRICS = new Set([
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
]);

/**
 * Prometheus metrics as OpenTelemetry's, so that each is counted once and read either way
 * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
 */
export class PrometheusProducer implements metrics.MetricProducer {
  readonly #startTime = core.millisToHrTime(Date.now());

  constructor(private readonly registry: Pick<Registry, 'getMetricsAsJSON'>) {}

  async collect(): Promise<metrics.CollectionResult> {
    const times = { startTime: this.#startTime, endTime: core.millisToHrTime(Date.now()) };
    const all = await this.registry.getMetricsAsJSON();
    const own = all.filter(({ name }) => name.startsWith('dotline_') || PROCESS_METRICS.has(name));
    return {
      resourceMetrics: {
        resource: resources.emptyResource(),
        scopeMetrics: [
          {
            scope: { name: 'dotline' },
            metrics: own.flatMap((metric) => metricData(metric, times) ?? []),
          },
        ],
      },
      errors: [],
    };
  }
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** `undefined` for a kind of metric that the platform does not use. */
function metricData(metric: Metric, times: Times): metrics.MetricData | undefined {
  const common = {
    descriptor: {
      name: metric.name,
      description: metric.help,
      unit: '',
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: metrics.AggregationTemporality.CUMULATIVE,
  };
  const points = () =>
    metric.values.map(({ labels, value }) => ({
      ...times,
      attributes: attributesOf(labels),
      value,
    }));
  // The type says a number, prom-client a word.
  switch (String(metric.type)) {
    case 'counter':
      return {
        ...common,
        dataPointType: metrics.DataPointType.SUM,
        isMonotonic: true,
        dataPoints: points(),
      };
    case 'gauge':
      return { ...common, dataPointType: metrics.DataPointType.GAUGE, dataPoints: points() };
    case 'histogram':
      return {
        ...common,
        dataPointType: metrics.DataPointType.HISTOGRAM,
        dataPoints: histogramPoints(metric, times),
      };
    default:
      return undefined;
  }
}

/** Prometheus counts up to each bound, OpenTelemetry between two. */
function histogramPoints(metric: Metric, times: Times): metrics.DataPoint<metrics.Histogram>[] {
  const series = new Map<string, Metric['values']>();
  for (const value of metric.values) {
    const { le: _, ...labels } = value.labels as Record<string, string | number>;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), value]);
  }
  return [...series].map(([key, values]) => {
    const valueNamed = (suffix: string) =>
      values.find((value) => metricName(value) === metric.name + suffix)?.value ?? 0;
    const buckets = values.filter((value) => metricName(value) === `${metric.name}_bucket`);
    const upTo = buckets.map(({ value }) => value);
    return {
      ...times,
      attributes: attributesOf(JSON.parse(key)),
      value: {
        buckets: {
          boundaries: buckets.map(({ labels }) => Number(labels.le)).filter(Number.isFinite),
          counts: upTo.map((count, index) => count - (upTo[index - 1] ?? 0)),
        },
        count: valueNamed('_count'),
        sum: valueNamed('_sum'),
      },
    };
  });
}

function metricName(value: MetricValue<string>): string | undefined {
  return (value as { metricName?: string }).metricName;
}

function attributesOf(labels: Partial<Record<string, string | number>>): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
