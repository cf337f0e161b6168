import { ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { inconsistencies } from './consistency.js';
import { rawResource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster } from './testing/hello-resources.js';
import { deltaClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

describe('a resource whose bytes are no message of its type', () => {
  const value = Buffer.from('no protobuf');
  const broken = rawResource({ typeUrl: TypeUrl.Cluster, name: 'broken', value });

  it('goes to the client as it is, which can reject it, and harms nothing else', async () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', { [TypeUrl.Cluster]: [cluster('fare')] });
    const server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    const client = deltaClient(await server.listen('127.0.0.1:0'));
    try {
      client.send({ node: { id: 'n' }, typeUrl: TypeUrl.Cluster });
      const { typeUrl, nonce } = await client.response(1);
      client.send({ typeUrl, responseNonce: nonce });
      cache.setResource('n', broken);
      const [sent] = (await client.response(2)).resources;
      expect(Buffer.from(sent?.resource?.value ?? []).toString()).toBe('no protobuf');
      cache.setResource('n', cluster('orders'));
      expect((await client.response(3)).resources.map(({ name }) => name)).toEqual(['orders']);
    } finally {
      client.close();
      await server.close({ graceMs: 100 });
    }
  });

  it('refers to nothing', () => {
    expect(inconsistencies({ [TypeUrl.Cluster]: [broken] })).toEqual([]);
  });
});
