import { create, fromBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import { MetadataSchema } from './gen/envoy/config/core/v3/base_pb.js';
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js';
import { anyOf, resource, UnknownResourceTypeError } from './resource.js';
import { TypeUrl } from './type-url.js';

function cluster(entries: [string, string][], fields: [string, number][] = []) {
  const metadata = create(MetadataSchema, {
    filterMetadata: {
      'envoy.lb': Object.fromEntries([...fields, ['deep', Object.fromEntries(fields)]]),
    },
  });
  return create(ClusterSchema, {
    name: 'fare',
    metadata,
    typedExtensionProtocolOptions: Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        anyOf(MetadataSchema, create(MetadataSchema, { filterMetadata: { value: { value } } })),
      ]),
    ),
  });
}

describe('resource', () => {
  it('has the type, the given name and the decoded message', () => {
    const built = resource(ClusterSchema, 'fare', cluster([['a', '1']]));
    expect(built).toMatchObject({ name: 'fare', typeUrl: TypeUrl.Cluster });
    expect(fromBinary(ClusterSchema, built.value)).toEqual(cluster([['a', '1']]));
  });

  it('has one version for one content, whatever the order in which maps were filled', () => {
    const one = resource(
      ClusterSchema,
      'fare',
      cluster(
        [
          ['a', '1'],
          ['b', '2'],
        ],
        [
          ['x', 1],
          ['y', 2],
        ],
      ),
    );
    const other = resource(
      ClusterSchema,
      'fare',
      cluster(
        [
          ['b', '2'],
          ['a', '1'],
        ],
        [
          ['y', 2],
          ['x', 1],
        ],
      ),
    );
    expect(other.version).toBe(one.version);
    expect(Buffer.from(other.value)).toEqual(Buffer.from(one.value));
  });

  it('has another version for another content', () => {
    const versions = [
      resource(ClusterSchema, 'fare', cluster([['a', '1']])),
      resource(ClusterSchema, 'fare', cluster([['a', '2']])),
    ].map(({ version }) => version);
    expect(new Set(versions).size).toBe(versions.length);
  });

  it('has another version for other aliases', () => {
    const versions = [undefined, { aliases: ['x'] }, { aliases: ['x', 'y'] }].map(
      (options) => resource(ClusterSchema, 'fare', cluster([['a', '1']]), options).version,
    );
    expect(new Set(versions).size).toBe(versions.length);
  });

  it('does not change the message that it is given', () => {
    const message = cluster([
      ['b', '2'],
      ['a', '1'],
    ]);
    resource(ClusterSchema, 'fare', message);
    expect(Object.keys(message.typedExtensionProtocolOptions)).toEqual(['b', 'a']);
  });

  it('refuses a message that is not a resource', () => {
    expect(() => resource(MetadataSchema, 'x', create(MetadataSchema))).toThrow(
      UnknownResourceTypeError,
    );
  });
});

describe('anyOf', () => {
  it('packs under type.googleapis.com', () => {
    const any = anyOf(RouteConfigurationSchema, create(RouteConfigurationSchema, { name: 'r' }));
    expect(any.$typeName).toBe(AnySchema.typeName);
    expect(any.typeUrl).toBe('type.googleapis.com/envoy.config.route.v3.RouteConfiguration');
    expect(fromBinary(RouteConfigurationSchema, any.value).name).toBe('r');
  });
});
