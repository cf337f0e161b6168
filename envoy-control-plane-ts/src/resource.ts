import { createHash } from 'node:crypto';
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { canonicalBinary } from './canonical-binary.js';
import { isKnownType, TypeUrl } from './type-url.js';

/**
 * A resource as the server holds it: encoded once, never changed, shared by every node that is
 * given it. Two resources of one type, name and version have the same content.
 */
export interface TypedResource {
  readonly name: string;
  readonly typeUrl: TypeUrl;
  /** Hash of the content, so the same across processes and restarts. */
  readonly version: string;
  /** The encoded message. Must not be written to. */
  readonly value: Uint8Array;
  /**
   * Other names by which clients ask for it, as for the hosts of a virtual host.
   * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
   */
  readonly aliases?: readonly string[];
  /**
   * How long a client may use the resource without hearing from the server, in ms; the server renews
   * it in time. Without: for ever.
   * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-ttl
   */
  readonly ttlMs?: number;
}

/** A message type that is not one of `TypeUrl` was offered as a resource; `rawResource` takes it. */
export class UnknownResourceTypeError extends Error {
  override readonly name = 'UnknownResourceTypeError';
  constructor(readonly typeUrl: string) {
    super(`${typeUrl} is not a resource type; the types are ${Object.values(TypeUrl).join(', ')}`);
  }
}

/**
 * Encodes a message as a resource and versions it by its content.
 *
 * `name` is what clients subscribe to; give the name that the message itself carries (a cluster's
 * `name`, an assignment's `clusterName`), since Envoy takes that one.
 * @throws UnknownResourceTypeError when the schema is not a resource type.
 */
export function resource<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  message: MessageShape<Desc>,
  { ttlMs, aliases }: Pick<TypedResource, 'ttlMs' | 'aliases'> = {},
): TypedResource {
  const typeUrl = urlOf(schema);
  if (!isKnownType(typeUrl)) {
    throw new UnknownResourceTypeError(typeUrl);
  }
  return rawResource({
    typeUrl,
    name,
    value: canonicalBinary(schema, message),
    ...(ttlMs !== undefined && { ttlMs }),
    ...(aliases !== undefined && { aliases }),
  });
}

/**
 * A resource from bytes that are encoded already, taken as they are.
 * @param version yours, which must differ when the content does; without it a hash of the content
 */
export function rawResource({
  value,
  aliases,
  version = contentHash(value, aliases),
  ...rest
}: Omit<TypedResource, 'version'> & { readonly version?: string }): TypedResource {
  return Object.freeze({ ...rest, version, value, ...(aliases && { aliases }) });
}

function contentHash(value: Uint8Array, aliases: readonly string[] = []): string {
  const hash = createHash('sha256').update(value);
  if (aliases.length > 0) {
    hash.update(JSON.stringify(aliases));
  }
  return hash.digest('hex').slice(0, 32);
}

/**
 * Packs a message into the Any that Envoy's `typed_config` fields take. Equal messages give equal
 * bytes. Envoy needs the `type.googleapis.com/` before the name.
 */
export function anyOf<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
  return create(AnySchema, { typeUrl: urlOf(schema), value: canonicalBinary(schema, message) });
}

function urlOf(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}
