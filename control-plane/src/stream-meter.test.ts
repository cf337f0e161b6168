import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Hooks,
  LimitExceeded,
  PermissionDenied,
  type StreamInfo,
  TypeUrl,
} from 'envoy-control-plane-ts';
import { NodeSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import pino from 'pino';
import { Metrics } from './metrics.js';
import { StreamMeter } from './stream-meter.js';

const peer = { address: '127.0.0.1:4711', uris: ['spiffe://test.example/service/fare'] };
const node = create(NodeSchema, { id: 'pay-1', cluster: 'pay' });
const stream: StreamInfo = { streamId: 1, method: '/m', variant: 'delta', peer, node };
const update = { resources: [], removed: [], version: '1' };
const response = { stream, typeUrl: TypeUrl.Cluster, nonce: '1', update };

let metrics: Metrics;
let lines: Record<string, unknown>[];
let nowMs: number;
let hooks: Hooks;

beforeEach(() => {
  metrics = new Metrics();
  lines = [];
  nowMs = 0;
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  hooks = new StreamMeter({ metrics, log }, () => nowMs).following({});
});

const values = async (name: string) =>
  (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];

describe('StreamMeter', () => {
  it('measures from a response to its answer, and the size of responses', async () => {
    hooks.streamOpened?.(stream);
    hooks.responded?.({ ...response, bytes: 3_000 });
    nowMs = 250;
    hooks.acked?.(response);
    hooks.acked?.(response);
    const sums = async (name: string) =>
      (await values(name)).filter(({ labels }) => !('le' in labels)).map(({ value }) => value);
    expect(await sums('dotline_xds_push_seconds')).toEqual([0.25, 1]);
    expect(await sums('dotline_xds_response_bytes')).toEqual([3_000, 1]);
    expect(await values('dotline_xds_admitted_total')).toMatchObject([{ value: 1 }]);
  });

  it('puts a refusal for want of permission on record: who came, and who it said it was', async () => {
    const error = new PermissionDenied('the certificate is that of service fare');
    hooks.streamRefused?.({ method: '/m', peer, node, error });
    expect(lines).toMatchObject([
      {
        level: 40,
        audit: 'sidecar-refused',
        code: 'PERMISSION_DENIED',
        reason: 'the certificate is that of service fare',
        peer,
        claimed: { node: 'pay-1', cluster: 'pay' },
      },
    ]);
    expect(await values('dotline_xds_refused_total')).toMatchObject([
      { labels: { code: 'PERMISSION_DENIED' }, value: 1 },
    ]);
  });

  it('counts other refusals without a line for each in a production log', () => {
    hooks.streamRefused?.({ method: '/m', peer, error: new LimitExceeded('too much') });
    expect(lines).toMatchObject([{ level: 20, code: 'RESOURCE_EXHAUSTED' }]);
    expect(lines[0]).not.toHaveProperty('audit');
  });

  it('warns of a response that clients may be unable to read', async () => {
    const largest = { name: 'fare', bytes: 4_000_000 };
    hooks.oversize?.({ ...response, bytes: 4_100_000, largest });
    expect(lines).toMatchObject([{ level: 40, node: 'pay-1', type: 'Cluster', largest }]);
    expect(await values('dotline_xds_oversize_responses_total')).toMatchObject([{ value: 1 }]);
  });
});
