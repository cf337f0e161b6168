import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resourceSet } from './resource-set.js';
import type { ResourceSource } from './resource-source.js';
import { cluster, endpoints } from './testing/hello-resources.js';
import { deltaClient, sotwClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

const node = { id: 'orders-1' };
const permissionDenied = 7;
const denial = { code: permissionDenied, message: 'orders may not call payment' };

/** https://github.com/cncf/xds/blob/main/proposals/TP3-xds-error-propagation.md */
describe('a name that the node may not have', () => {
  let server: XdsServer;
  let port: number;

  beforeEach(async () => {
    const sets = new Map([
      [TypeUrl.Cluster as string, resourceSet([cluster('fare')])],
      [TypeUrl.Endpoint as string, resourceSet([endpoints('fare', 1)])],
    ]);
    const cache: ResourceSource = {
      get: (_node, typeUrl) => sets.get(typeUrl),
      watch: () => ({ close: () => undefined }),
      whyMissing: (_node, _typeUrl, name) => (name === 'payment' ? denial : undefined),
    };
    server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    port = await server.listen('127.0.0.1:0');
  });

  afterEach(() => server.close({ graceMs: 100 }));

  it('is explained once, next to what the node may have, in the incremental variant', async () => {
    const client = deltaClient(port);
    const names = ['fare', 'payment', 'unheard-of'];
    client.send({ node, typeUrl: TypeUrl.Cluster, resourceNamesSubscribe: names });
    const { resources, removedResources, resourceErrors } = await client.response(1);
    expect(resources.map(({ name }) => name)).toEqual(['fare']);
    // Clients that do not know resource_errors yet must learn it as well.
    expect(removedResources).toEqual(['payment', 'unheard-of']);
    expect(resourceErrors).toHaveLength(1);
    expect(resourceErrors[0]).toMatchObject({
      resourceName: { name: 'payment' },
      errorDetail: denial,
    });
    client.close();
  });

  it.each([TypeUrl.Cluster, TypeUrl.Endpoint])(
    'is explained once in the state-of-the-world variant: %s',
    async (typeUrl) => {
      const client = sotwClient(port);
      const names = ['fare', 'payment'];
      client.send({ node, typeUrl, resourceNames: names });
      const first = await client.response(1);
      expect(first.resources).toHaveLength(1);
      expect(first.resourceErrors).toMatchObject([
        { resourceName: { name: 'payment' }, errorDetail: denial },
      ]);
      const { nonce: responseNonce, versionInfo } = first;
      client.send({ typeUrl, resourceNames: names, responseNonce, versionInfo });
      // An answer to another name comes next, so nothing came in between.
      client.send({ typeUrl, resourceNames: ['payment'], responseNonce, versionInfo });
      client.send({ typeUrl, resourceNames: names, responseNonce, versionInfo });
      const second = await client.response(2);
      expect(second.resources).toHaveLength(1);
      expect(second.resourceErrors).toEqual([]);
      client.close();
    },
  );
});
