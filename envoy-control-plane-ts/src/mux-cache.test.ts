import { ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { LinearCache } from './linear-cache.js';
import { MuxCache } from './mux-cache.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster, endpoints } from './testing/hello-resources.js';
import { deltaClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

describe('MuxCache', () => {
  it('knows nothing of types that no source has', () => {
    const mux = new MuxCache({ [TypeUrl.Endpoint]: new LinearCache(TypeUrl.Endpoint) });
    expect(mux.get('n', TypeUrl.Endpoint)?.resources.size).toBe(0);
    expect(mux.get('n', TypeUrl.Cluster)).toBeUndefined();
  });

  it('serves clusters of each group and the endpoints of the fleet on one stream', async () => {
    const snapshots = new SnapshotCache();
    snapshots.update('blue', { set: [cluster('fare')] });
    const fleet = new LinearCache(TypeUrl.Endpoint, [endpoints('fare', 1), endpoints('orders', 1)]);
    const server = new XdsServer({
      cache: new MuxCache({ [TypeUrl.Endpoint]: fleet }, snapshots),
      credentials: ServerCredentials.createInsecure(),
      groupOf: ({ cluster: group }) => group,
    });
    const client = deltaClient(await server.listen('127.0.0.1:0'));
    client.send({ node: { id: 'fare-7', cluster: 'blue' }, typeUrl: TypeUrl.Cluster });
    expect((await client.response(1)).resources.map(({ name }) => name)).toEqual(['fare']);
    client.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: ['fare'] });
    expect((await client.response(2)).resources.map(({ name }) => name)).toEqual(['fare']);
    fleet.setResource(endpoints('orders', 2));
    fleet.setResource(endpoints('fare', 2));
    const changed = await client.response(3);
    expect(changed.resources.map(({ name }) => name)).toEqual(['fare']);
    expect(changed.resources[0]?.version).toBe(fleet.resources.get('fare')?.version);
    snapshots.setResource('blue', cluster('orders'));
    expect((await client.response(4)).resources.map(({ name }) => name)).toEqual(['orders']);
    client.close();
    await server.close({ graceMs: 100 });
  });
});
