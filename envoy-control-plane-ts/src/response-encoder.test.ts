import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.js';
import { versionOf } from './resource-set.js';
import { ResponseEncoder } from './response-encoder.js';
import type { Update } from './subscription.js';
import { resources } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.js';

function update(words: string, removed: string[] = []): Update {
  const list = resources(words, TypeUrl.Endpoint);
  return { resources: list, removed, version: versionOf(list) };
}

describe('ResponseEncoder', () => {
  it('gives streams that are sent the same the same bytes', () => {
    const encoder = new ResponseEncoder(encodeDeltaResponse);
    const first = encoder.encode(TypeUrl.Endpoint, update('a1 b1'), 0);
    const second = encoder.encode(TypeUrl.Endpoint, update('a1 b1'), 0);
    expect(second.bytes).toBe(first.bytes);
  });

  it.each([
    ['another resource', update('a1 c1')],
    ['another version', update('a1 b2')],
    ['a removal', update('a1 b1', ['z'])],
    ['a heartbeat', { ...update('a1 b1'), heartbeat: true } satisfies Update],
    ['a problem', { ...update('a1 b1'), problems: new Map([['z', { code: 7, message: 'no' }]]) }],
  ])('does not share with %s', (_what, other) => {
    const encoder = new ResponseEncoder(encodeDeltaResponse);
    const { bytes } = encoder.encode(TypeUrl.Endpoint, update('a1 b1'), 0);
    expect(encoder.encode(TypeUrl.Endpoint, other, 0).bytes).not.toEqual(bytes);
  });

  it('writes what the generated types read, with a nonce that is new on each stream', () => {
    const words = fc.subarray(['a1', 'b1', 'c1']).map((list) => list.join(' '));
    const sends = fc.array(
      fc.record({ stream: fc.nat(2), words, removed: fc.subarray(['y', 'z']) }),
    );
    fc.assert(
      fc.property(sends, (list) => {
        const delta = new ResponseEncoder(encodeDeltaResponse);
        const sotw = new ResponseEncoder(encodeSotwResponse);
        const used = new Map<string, number>();
        for (const { stream, words: content, removed } of list) {
          const sent = update(content, removed);
          for (const [variant, encoder] of Object.entries({ delta, sotw })) {
            const before = used.get(`${variant} ${stream}`) ?? 0;
            const { nonce, bytes } = encoder.encode(TypeUrl.Endpoint, sent, before);
            expect(nonce).toBeGreaterThan(before);
            used.set(`${variant} ${stream}`, nonce);
            const read =
              variant === 'delta'
                ? fromBinary(DeltaDiscoveryResponseSchema, bytes)
                : fromBinary(DiscoveryResponseSchema, bytes);
            expect(read.nonce).toBe(String(nonce));
            expect(read.typeUrl).toBe(TypeUrl.Endpoint);
            expect(read.resources).toHaveLength(sent.resources.length);
            if ('removedResources' in read) {
              expect(read.removedResources).toEqual(removed);
              expect(read.resources.map(({ name, version }) => name + version)).toEqual(
                sent.resources.map(({ name, version }) => name + version),
              );
            }
          }
        }
      }),
    );
  });
});
