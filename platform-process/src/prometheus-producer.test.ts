import { expect, it } from '@jest/globals';
import { metrics } from '@opentelemetry/sdk-node';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { PrometheusProducer } from './prometheus-producer.js';

it('gives the same numbers as Prometheus reads', async () => {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const help = 'for a test';
  new Counter({ name: 'dotline_acks_total', help, labelNames: ['type'], registers }).inc(
    { type: 'Cluster' },
    3,
  );
  new Gauge({ name: 'dotline_streams', help, registers }).set(2);
  const seconds = new Histogram({
    name: 'dotline_seconds',
    help,
    labelNames: ['result'],
    buckets: [0.1, 1],
    registers,
  });
  for (const value of [0.05, 0.5, 0.7, 8]) seconds.observe({ result: 'ok' }, value);
  seconds.observe({ result: 'failed' }, 0.01);
  new Gauge({ name: 'somebody_elses', help, registers }).set(1);

  const { resourceMetrics } = await new PrometheusProducer(registry).collect();
  const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const of = (name: string) => all.find(({ descriptor }) => descriptor.name === name);
  expect(of('dotline_acks_total')).toMatchObject({
    dataPointType: metrics.DataPointType.SUM,
    isMonotonic: true,
    dataPoints: [{ attributes: { type: 'Cluster' }, value: 3 }],
  });
  expect(of('dotline_streams')).toMatchObject({
    dataPointType: metrics.DataPointType.GAUGE,
    dataPoints: [{ value: 2 }],
  });
  expect(of('dotline_seconds')).toMatchObject({
    dataPointType: metrics.DataPointType.HISTOGRAM,
    dataPoints: [
      {
        attributes: { result: 'ok' },
        value: { buckets: { boundaries: [0.1, 1], counts: [1, 2, 1] }, count: 4, sum: 9.25 },
      },
      {
        attributes: { result: 'failed' },
        value: { buckets: { boundaries: [0.1, 1], counts: [1, 0, 0] }, count: 1, sum: 0.01 },
      },
    ],
  });
  expect(of('process_resident_memory_bytes')).toBeDefined();
  expect(of('nodejs_heap_size_total_bytes')).toBeUndefined();
  expect(of('somebody_elses')).toBeUndefined();
});
