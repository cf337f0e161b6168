import { ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it, jest } from '@jest/globals';
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
    try {
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
    } finally {
      client.close();
      await server.close({ graceMs: 100 });
    }
  });
});

describe('MuxCache by group and type', () => {
  it('asks the source that the route gives, and tells of its changes', () => {
    const [blue, rest] = [new SnapshotCache(), new SnapshotCache()];
    const fleet = new LinearCache(TypeUrl.Endpoint, [endpoints('fare', 1)]);
    const mux = new MuxCache(
      (group, typeUrl) => {
        if (typeUrl === TypeUrl.Endpoint) {
          return fleet;
        }
        return group.startsWith('blue/') ? blue : typeUrl === TypeUrl.Cluster ? rest : undefined;
      },
      [blue, fleet, rest],
    );
    const told = jest.fn();
    const watch = mux.watch('blue/1', told);
    watch.interest?.(TypeUrl.Endpoint, ['fare']);
    blue.setResource('blue/1', cluster('fare'));
    rest.setResource('green/1', cluster('orders'));
    fleet.setResource(endpoints('fare', 2));
    expect(told).toHaveBeenCalledTimes(2);
    expect([...(mux.get('blue/1', TypeUrl.Cluster)?.resources.keys() ?? [])]).toEqual(['fare']);
    expect([...(mux.get('green/1', TypeUrl.Cluster)?.resources.keys() ?? [])]).toEqual(['orders']);
    expect(mux.get('green/1', TypeUrl.Listener)).toBeUndefined();
    expect(mux.get('green/1', TypeUrl.Endpoint)).toBe(mux.get('blue/1', TypeUrl.Endpoint));
    expect([...mux.groups()].sort()).toEqual(['blue/1', 'green/1']);
    watch.close();
    blue.setResource('blue/1', cluster('fare', 2_000));
    expect(told).toHaveBeenCalledTimes(2);
  });
});
