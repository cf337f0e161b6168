import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LimitExceeded, PermissionDenied } from 'envoy-control-plane-ts';
import { NodeSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import type { AuditEvent } from './audit-event.js';
import { RefusedSidecars } from './audit-refused-sidecars.js';

const TEN_MINUTES_MS = 600_000;

let recorded: AuditEvent[];
let refused: RefusedSidecars;
let told: number;

beforeEach(() => {
  jest.useFakeTimers();
  recorded = [];
  told = 0;
  refused = new RefusedSidecars((event) => void recorded.push(event));
});

afterEach(() => {
  refused.close();
  jest.useRealTimers();
});

function refuse(id: string, error: PermissionDenied | LimitExceeded): void {
  refused.following({ streamRefused: () => void told++ }).streamRefused?.({
    method: '/delta',
    peer: { address: '127.0.0.1:5000', uris: ['spiffe://test.example/service/fare'] },
    node: create(NodeSchema, { id, cluster: 'pay' }),
    error,
  });
}

describe('refused sidecars', () => {
  it('are recorded at once, by who came and who it said it was', () => {
    refuse('pay-1', new PermissionDenied('no'));
    expect(recorded).toEqual([
      {
        actor: { kind: 'sidecar', name: 'spiffe://test.example/service/fare' },
        action: 'sidecar-refused',
        subject: { instance: 'pay-1' },
        details: {
          reason: 'no',
          address: '127.0.0.1:5000',
          claimedService: 'pay',
          method: '/delta',
        },
      },
    ]);
    expect(told).toBe(1);
  });

  it('are one more entry for all their attempts of ten minutes, then begin anew', () => {
    for (let attempt = 0; attempt < 50; attempt++) refuse('pay-1', new PermissionDenied('no'));
    refuse('pay-2', new PermissionDenied('no'));
    expect(recorded).toHaveLength(2);
    jest.advanceTimersByTime(TEN_MINUTES_MS);
    expect(recorded).toHaveLength(3);
    expect(recorded[2]).toMatchObject({
      subject: { instance: 'pay-1' },
      details: { furtherTimes: 49 },
    });
    refuse('pay-1', new PermissionDenied('no'));
    expect(recorded).toHaveLength(4);
  });

  it('are counted together when there are too many to tell apart', () => {
    for (let node = 0; node < 2_000; node++) refuse(`x-${node}`, new PermissionDenied('no'));
    expect(recorded).toHaveLength(501);
    refused.close();
    expect(recorded).toHaveLength(502);
    expect(recorded[501]).toMatchObject({ details: { furtherTimes: 1_499 } });
    expect(told).toBe(2_000);
  });

  it('are none of those that are to come back later', () => {
    refuse('pay-1', new LimitExceeded('too much'));
    expect(recorded).toEqual([]);
  });
});
