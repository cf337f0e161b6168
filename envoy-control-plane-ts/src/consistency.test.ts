import { fromJson } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { inconsistencies, missingResources } from './consistency.js';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js';
import { VirtualHostSchema } from './gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js';
import { ScopedRouteConfigurationSchema } from './gen/envoy/config/route/v3/scoped_route_pb.js';
import { registry } from './gen/registry.js';
import { LinearCache } from './linear-cache.js';
import { MuxCache } from './mux-cache.js';
import { resource } from './resource.js';
import { resourceSet } from './resource-set.js';
import { type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { cluster, endpoints, listener, rbac, routes } from './testing/hello-resources.js';
import { TypeUrl } from './type-url.js';

const whole: Snapshot = {
  [TypeUrl.Cluster]: [cluster('a')],
  [TypeUrl.Endpoint]: [endpoints('a', 1)],
  [TypeUrl.Listener]: [listener('l', 2, { routes: 'r', rbac: 'guard' })],
  [TypeUrl.Route]: [routes('r', 'a')],
  [TypeUrl.ExtensionConfig]: [rbac('guard', true)],
};

const ads = { ads: {}, resourceApiVersion: 'V3' };

function scope(name: string, route: string) {
  const key = { fragments: [{ stringKey: name }] };
  const message = fromJson(ScopedRouteConfigurationSchema, {
    name,
    routeConfigurationName: route,
    key,
  });
  return resource(ScopedRouteConfigurationSchema, name, message);
}

/** A listener that lists its scopes itself. */
function scopedListener(...names: string[]) {
  const json = {
    name: 'scoped',
    filterChains: [
      {
        filters: [
          {
            name: 'http',
            typedConfig: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              scopedRoutes: {
                name: 'scopes',
                rdsConfigSource: ads,
                scopedRouteConfigurationsList: {
                  scopedRouteConfigurations: names.map((name) => ({
                    name,
                    routeConfigurationName: name,
                    key: { fragments: [{ stringKey: name }] },
                  })),
                },
              },
            },
          },
        ],
      },
    ],
  };
  return resource(ListenerSchema, 'scoped', fromJson(ListenerSchema, json, { registry }));
}

function onDemandRoutes(name: string) {
  const message = fromJson(RouteConfigurationSchema, { name, vhds: { configSource: ads } });
  return resource(RouteConfigurationSchema, name, message);
}

function host(name: string) {
  return resource(VirtualHostSchema, name, fromJson(VirtualHostSchema, { name }));
}

describe('inconsistencies', () => {
  it('finds none in a snapshot that holds together', () => {
    expect(inconsistencies(whole)).toEqual([]);
  });

  it('finds what clusters and listeners refer to and is missing', () => {
    const { [TypeUrl.Cluster]: clusters, [TypeUrl.Listener]: listeners } = whole;
    const found = inconsistencies({
      ...(clusters && { [TypeUrl.Cluster]: clusters }),
      ...(listeners && { [TypeUrl.Listener]: listeners }),
    });
    const from = (typeUrl: TypeUrl, name: string) => ({ typeUrl, name });
    expect(found).toEqual([
      { kind: 'missing', from: from(TypeUrl.Cluster, 'a'), to: from(TypeUrl.Endpoint, 'a') },
      { kind: 'missing', from: from(TypeUrl.Listener, 'l'), to: from(TypeUrl.Route, 'r') },
      {
        kind: 'missing',
        from: from(TypeUrl.Listener, 'l'),
        to: from(TypeUrl.ExtensionConfig, 'guard'),
      },
    ]);
  });

  it('finds what nothing refers to', () => {
    const found = inconsistencies({ ...whole, [TypeUrl.Cluster]: [] });
    expect(found).toEqual([
      { kind: 'unreferenced', resource: { typeUrl: TypeUrl.Endpoint, name: 'a' } },
    ]);
  });

  it('follows scopes, those of the listener and those that come by themselves, to routes', () => {
    const found = inconsistencies({
      [TypeUrl.Listener]: [scopedListener('sea', 'wood')],
      [TypeUrl.ScopedRoute]: [scope('blue', 'sea'), scope('green', 'moor')],
      [TypeUrl.Route]: [routes('sea', 'a')],
    });
    expect(found).toEqual([
      {
        kind: 'missing',
        from: { typeUrl: TypeUrl.Listener, name: 'scoped' },
        to: { typeUrl: TypeUrl.Route, name: 'wood' },
      },
      {
        kind: 'missing',
        from: { typeUrl: TypeUrl.ScopedRoute, name: 'green' },
        to: { typeUrl: TypeUrl.Route, name: 'moor' },
      },
    ]);
  });

  it('wants virtual hosts to belong to routes that ask for them', () => {
    const found = inconsistencies({
      [TypeUrl.Listener]: [
        listener('l', 2, { routes: 'a/lazy' }),
        listener('m', 3, { routes: 'r' }),
      ],
      [TypeUrl.Route]: [onDemandRoutes('a/lazy'), routes('r', 'a')],
      [TypeUrl.VirtualHost]: ['a/lazy/fare', 'a/fare', 'r/fare', 'fare'].map(host),
    });
    const unreferenced = ['a/fare', 'r/fare', 'fare'].map((name) => ({
      kind: 'unreferenced',
      resource: { typeUrl: TypeUrl.VirtualHost, name },
    }));
    expect(found).toEqual(unreferenced);
  });

  it('reads sets that were made before', () => {
    const { [TypeUrl.Endpoint]: _, ...rest } = whole;
    expect(
      inconsistencies({ ...rest, [TypeUrl.Endpoint]: resourceSet([endpoints('a', 1)]) }),
    ).toEqual([]);
    expect(inconsistencies({ ...rest, [TypeUrl.Endpoint]: resourceSet([]) })).toHaveLength(1);
  });
});

describe('missingResources', () => {
  it('looks through sources that are put together, and not at what the group does not ask for', () => {
    const snapshots = new SnapshotCache();
    const { [TypeUrl.Endpoint]: _, ...rest } = whole;
    snapshots.setSnapshot('n', rest);
    const fleet = new LinearCache(TypeUrl.Endpoint, [endpoints('other', 1)]);
    const mux = new MuxCache({ [TypeUrl.Endpoint]: fleet }, snapshots);
    expect(missingResources(mux, 'n')).toEqual([
      {
        kind: 'missing',
        from: { typeUrl: TypeUrl.Cluster, name: 'a' },
        to: { typeUrl: TypeUrl.Endpoint, name: 'a' },
      },
    ]);
    fleet.setResource(endpoints('a', 1));
    expect(missingResources(mux, 'n')).toEqual([]);
  });

  it('finds everything missing that comes from a source that is not there', () => {
    const snapshots = new SnapshotCache();
    snapshots.setResource('n', cluster('a'));
    expect(missingResources(snapshots, 'n')).toHaveLength(1);
    expect(missingResources(snapshots, 'unknown')).toEqual([]);
  });
});
