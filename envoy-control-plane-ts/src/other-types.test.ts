import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LinearCache } from './linear-cache.js';
import { MuxCache } from './mux-cache.js';
import { rawResource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster } from './testing/hello-resources.js';
import { deltaClient, sotwClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

const typeUrl = 'types.example.org/acme.Widget';

function widget(name: string, text: string) {
  return rawResource({ typeUrl, name, version: `of ${text}`, value: Buffer.from(text) });
}

describe('types that are not those of Envoy', () => {
  let cache: SnapshotCache;
  let server: XdsServer;
  let port: number;
  const clients: { close(): void }[] = [];

  function opened<Client extends { close(): void }>(client: Client): Client {
    clients.push(client);
    return client;
  }

  beforeEach(async () => {
    cache = new SnapshotCache();
    cache.setSnapshot('n', { [TypeUrl.Cluster]: [cluster('fare')] });
    server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    port = await server.listen('127.0.0.1:0');
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) {
      client.close();
    }
    await server.close({ graceMs: 100 });
  });

  it('are served as they are, with the version that they came with, as soon as there are some', async () => {
    const client = opened(deltaClient(port));
    client.send({ node: { id: 'n' }, typeUrl, resourceNamesSubscribe: ['a', 'b'] });
    client.send({ typeUrl: TypeUrl.Cluster });
    // Nobody has said yet what widgets there are.
    const clusters = await client.response(1);
    expect(clusters.typeUrl).toBe(TypeUrl.Cluster);
    client.send({ typeUrl: TypeUrl.Cluster, responseNonce: clusters.nonce });
    cache.setResource('n', widget('a', 'one'));
    const { resources, removedResources } = await client.response(2);
    expect(resources.map(({ name, version }) => [name, version])).toEqual([['a', 'of one']]);
    expect(resources[0]?.resource?.typeUrl).toBe(typeUrl);
    expect(Buffer.from(resources[0]?.resource?.value ?? []).toString()).toBe('one');
    expect(removedResources).toEqual(['b']);
    const types = server.status('n').flatMap((node) => node.types);
    expect(types.map((type) => type.typeUrl)).toContain(typeUrl);
  });

  it('are sent in state of the world, each alone when it changes', async () => {
    cache.update('n', { set: [widget('a', 'one'), widget('b', 'one')] });
    const client = opened(sotwClient(port));
    client.send({ node: { id: 'n' }, typeUrl, resourceNames: ['*'] });
    const first = await client.response(1);
    expect(first.resources.map(({ value }) => Buffer.from(value).toString())).toEqual([
      'one',
      'one',
    ]);
    const { nonce: responseNonce, versionInfo } = first;
    client.send({ typeUrl, resourceNames: ['*'], responseNonce, versionInfo });
    cache.setResource('n', widget('b', 'two'));
    const second = await client.response(2);
    expect(second.resources.map(({ value }) => Buffer.from(value).toString())).toEqual(['two']);
  });

  it('come after those of Envoy, when these are accepted, and go before them', async () => {
    cache.setResource('n', widget('a', 'one'));
    const client = opened(deltaClient(port));
    client.send({ node: { id: 'n' }, typeUrl, resourceNamesSubscribe: ['*'] });
    const acknowledge = async (count: number) => {
      const response = await client.response(count);
      client.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
      return response;
    };
    await acknowledge(1);
    client.send({ typeUrl: TypeUrl.Cluster });
    await acknowledge(2);
    cache.update('n', { set: [widget('a', 'two'), cluster('orders')] });
    expect((await client.response(3)).typeUrl).toBe(TypeUrl.Cluster);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.responses).toHaveLength(3);
    await acknowledge(3);
    expect((await acknowledge(4)).resources.map(({ version }) => version)).toEqual(['of two']);
    cache.setSnapshot('n', {});
    expect((await acknowledge(5)).removedResources).toEqual(['a']);
    expect((await client.response(6)).removedResources.sort()).toEqual(['fare', 'orders']);
  });

  it('may come from a linear cache', async () => {
    const widgets = new LinearCache(typeUrl, [widget('a', 'one'), widget('b', 'one')]);
    const other = new XdsServer({
      cache: new MuxCache({ [typeUrl]: widgets }, cache),
      credentials: ServerCredentials.createInsecure(),
    });
    const client = opened(deltaClient(await other.listen('127.0.0.1:0')));
    try {
      client.send({ node: { id: 'n' }, typeUrl, resourceNamesSubscribe: ['b'] });
      const { nonce: responseNonce } = await client.response(1);
      client.send({ typeUrl, responseNonce });
      widgets.update({ set: [widget('a', 'two'), widget('b', 'two')] });
      const [changed, ...others] = (await client.response(2)).resources;
      expect([changed?.name, changed?.version, others]).toEqual(['b', 'of two', []]);
    } finally {
      await other.close({ graceMs: 100 });
    }
  });

  it('are not remembered without end', async () => {
    const client = opened(deltaClient(port));
    for (let count = 0; count < 65; count += 1) {
      client.send({
        node: { id: 'n' },
        typeUrl: `types.example.org/acme.Type${count}`,
        resourceNamesSubscribe: ['a'],
      });
    }
    expect(await client.failure()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const long = opened(deltaClient(port));
    long.send({ node: { id: 'n' }, typeUrl: `types.example.org/${'a'.repeat(600)}` });
    expect(await long.failure()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});
