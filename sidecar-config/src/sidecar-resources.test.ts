import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { inconsistencies, TypeUrl } from 'envoy-control-plane-ts';
import { TypedExtensionConfigSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import { RouteConfigurationSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { RBACSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
import fc from 'fast-check';
import { NotInCatalogError } from './mesh-index.js';
import { meshResources, type SidecarSnapshot, sidecarResources } from './sidecar-resources.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';

const NAMES = ['app', 'fare', 'rides', 'secret', 'unknown'] as const;
const OPERATIONS = { get: 'GET /v1/{id}', latest: 'GET /v1/latest', put: 'PUT /v1/{id}' };

const mesh = meshOf(
  Object.fromEntries(
    NAMES.map((name, index) => [
      name,
      { team: index < 2 ? 'rides' : name, operations: OPERATIONS },
    ]),
  ),
);
const instances = NAMES.map((name) => instanceOf(name));
const telemetry = {
  grpc: { address: '127.0.0.1', port: 4317 },
  http: { address: '127.0.0.1', port: 4318 },
};

function revisionOf(edges: readonly Edge[]): Revision {
  return makeRevision({ mesh, edges, createdAtMs: 0 }, undefined);
}

function snapshotOf(revision: Revision, service: string): SidecarSnapshot {
  return sidecarResources({ revision, instances, instance: instanceOf(service), telemetry });
}

function names(snapshot: SidecarSnapshot, typeUrl: keyof SidecarSnapshot): string[] {
  return [...snapshot[typeUrl].resources.keys()];
}

function routesOf(snapshot: SidecarSnapshot, name: string) {
  const found = snapshot[TypeUrl.Route].resources.get(name);
  return fromBinary(RouteConfigurationSchema, found?.value ?? new Uint8Array());
}

function policiesOf(snapshot: SidecarSnapshot) {
  const [extension] = snapshot[TypeUrl.ExtensionConfig].resources.values();
  const { typedConfig } = fromBinary(
    TypedExtensionConfigSchema,
    extension?.value ?? new Uint8Array(),
  );
  const rbac = typedConfig === undefined ? undefined : anyUnpack(typedConfig, RBACSchema);
  return rbac?.rules?.policies ?? {};
}

/** Each run encodes a whole sidecar. */
const RUNS = { numRuns: 30 };

const services = fc.constantFrom(...NAMES);
const someEdges = fc
  .uniqueArray(
    fc.record({
      caller: services,
      callee: services,
      operations: fc.subarray(Object.keys(OPERATIONS), { minLength: 1 }),
    }),
    { selector: ({ caller, callee }) => `${caller} ${callee}`, maxLength: 12 },
  )
  .map((list) => list.map(({ caller, callee, operations }) => edgeOf(caller, callee, operations)));

describe('the resources of a sidecar', () => {
  it('have a cluster and endpoints for each callee that an edge allows, and for no other', () => {
    fc.assert(
      fc.property(someEdges, services, (edges, service) => {
        const snapshot = snapshotOf(revisionOf(edges), service);
        const callees = edges
          .filter(({ caller }) => caller === service)
          .map(({ callee }) => callee)
          .sort();
        const clusters = names(snapshot, TypeUrl.Cluster);
        expect(clusters.filter((name) => !name.startsWith('dotline:'))).toEqual(callees);
        expect(names(snapshot, TypeUrl.Endpoint).sort()).toEqual(
          [...new Set([service, ...callees])].sort(),
        );
      }),
      RUNS,
    );
  });

  it('hold together', () => {
    fc.assert(
      fc.property(someEdges, services, (edges, service) => {
        const found = inconsistencies(snapshotOf(revisionOf(edges), service));
        // Endpoints of its own service are asked for by the bootstrap.
        expect(
          found.filter(({ kind, ...rest }) =>
            kind === 'missing' ? true : !JSON.stringify(rest).includes(`"${service}"`),
          ),
        ).toEqual([]);
      }),
      RUNS,
    );
  });

  it('have one policy for each edge on which others call it', () => {
    fc.assert(
      fc.property(someEdges, services, (edges, service) => {
        const policies = policiesOf(snapshotOf(revisionOf(edges), service));
        const inbound = edges.filter(({ callee }) => callee === service);
        const revision = revisionOf(edges);
        expect(Object.keys(policies).sort()).toEqual(
          inbound.map(({ id }) => `${id}@${revision.edgeRevisions[id]}`).sort(),
        );
      }),
      RUNS,
    );
  });

  it('have the same listeners and own clusters whatever the edges are', () => {
    fc.assert(
      fc.property(someEdges, someEdges, services, (before, after, service) => {
        const [old, now] = [before, after].map((edges) => snapshotOf(revisionOf(edges), service));
        expect(now?.[TypeUrl.Listener]).toEqual(old?.[TypeUrl.Listener]);
      }),
      RUNS,
    );
  });

  it('are the same bytes for the same edges, in whatever order these come', () => {
    fc.assert(
      fc.property(someEdges, services, (edges, service) => {
        const revision = revisionOf(edges);
        const shuffled = { ...revision, edges: [...revision.edges].reverse() };
        expect(snapshotOf(shuffled, service)).toEqual(snapshotOf(revision, service));
      }),
      RUNS,
    );
  });

  it('are shared by all sidecars that hold them', () => {
    const revision = revisionOf([edgeOf('app', 'fare', ['get']), edgeOf('rides', 'fare', ['put'])]);
    const resourcesOf = meshResources({ revision, instances, telemetry });
    const [app, rides] = [instanceOf('app'), instanceOf('rides')].map(resourcesOf);
    for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Endpoint]) {
      const held = app?.[typeUrl].resources.get('fare');
      expect(held).toBeDefined();
      expect(rides?.[typeUrl].resources.get('fare')).toBe(held);
    }
  });
});

describe('outbound routes', () => {
  it('answer for every service of the mesh, each once, and for all others', () => {
    fc.assert(
      fc.property(someEdges, services, (edges, service) => {
        const { virtualHosts } = routesOf(snapshotOf(revisionOf(edges), service), 'outbound');
        const callees = edges.filter(({ caller }) => caller === service).map((e) => e.callee);
        const domains = virtualHosts.flatMap((host) => host.domains);
        expect([...domains].sort()).toEqual(['*', ...callees].sort());
        const denied = virtualHosts.find((host) => host.domains.includes('*'));
        const named = (denied?.routes ?? []).flatMap(({ match }) =>
          (match?.headers ?? []).flatMap(({ headerMatchSpecifier: { value } }) =>
            JSON.stringify(value).match(/(?<=[(|])[a-z]+(?=[)|])/g),
          ),
        );
        expect([...named].sort()).toEqual([...NAMES].sort());
        const hostNames = virtualHosts.map(({ name }) => name);
        expect(new Set(hostNames).size).toBe(hostNames.length);
        for (const { routes } of virtualHosts) {
          const last = routes.at(-1);
          expect([last?.name, last?.action.case]).toEqual(['denied', 'directResponse']);
        }
      }),
      RUNS,
    );
  });

  it('take a request from a wider operation when its own is not agreed', () => {
    const edges = [edgeOf('app', 'fare', ['get'])];
    const outbound = routesOf(snapshotOf(revisionOf(edges), 'app'), 'outbound');
    const host = outbound.virtualHosts.find(({ name }) => name === 'fare');
    expect(host?.routes.map(({ name, match }) => [name, match?.pathSpecifier.value])).toEqual([
      ['denied', '/v1/latest'],
      ['fare.get', expect.objectContaining({ regex: '/v1/[^/]+' })],
      ['denied', ''],
    ]);
    const [policy] = Object.values(policiesOf(snapshotOf(revisionOf(edges), 'fare')));
    expect(JSON.stringify(policy)).toContain('notRule');
  });

  it('carry what the access log repeats', () => {
    const revision = revisionOf([edgeOf('app', 'fare', ['put'])]);
    const outbound = routesOf(snapshotOf(revision, 'app'), 'outbound');
    const route = outbound.virtualHosts
      .flatMap(({ routes }) => routes)
      .find(({ name }) => name === 'fare.put');
    expect(route?.metadata?.filterMetadata.dotline).toEqual({
      callee: 'fare',
      edge: 'app->fare',
      revision: revision.id,
    });
  });
});

describe('endpoints', () => {
  function endpointsOf(list: readonly Instance[]) {
    const revision = revisionOf([]);
    const snapshot = sidecarResources({
      revision,
      instances: list,
      instance: instanceOf('fare'),
      telemetry,
    });
    const [found] = snapshot[TypeUrl.Endpoint].resources.values();
    const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, found?.value ?? new Uint8Array());
    return endpoints.map(({ locality, lbEndpoints }) => [locality?.subZone, lbEndpoints.length]);
  }

  it('are the ready instances by cell', () => {
    expect(
      endpointsOf([
        instanceOf('fare', { id: 'fare-3', cell: 'cell-2' }),
        instanceOf('fare', { id: 'fare-1' }),
        instanceOf('fare', { id: 'fare-2' }),
        instanceOf('fare', { id: 'fare-4', state: 'starting' }),
        instanceOf('fare', { id: 'fare-5', state: 'draining' }),
        instanceOf('app'),
      ]),
    ).toEqual([
      ['cell-1', 2],
      ['cell-2', 1],
    ]);
  });

  it('are there even when there are none', () => {
    expect(endpointsOf([])).toEqual([]);
  });
});

describe('a service that the catalog does not hold', () => {
  it('has no resources', () => {
    expect(() => snapshotOf(revisionOf([]), 'stranger')).toThrow(NotInCatalogError);
    expect(() => snapshotOf(revisionOf([edgeOf('app', 'fare', ['sing'])]), 'app')).toThrow(
      /no operation fare\.sing/,
    );
  });
});
