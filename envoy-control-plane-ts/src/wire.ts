import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { DeltaRequest } from './delta-subscription.js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
  ResourceErrorSchema,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.js';
import type { TypedResource } from './resource.js';
import type { SotwRequest } from './sotw-subscription.js';
import type { Update } from './subscription.js';

/** A request, split into what concerns the stream and what concerns the subscription. */
export interface Incoming<Request> {
  /** Empty on a stream of a single type. */
  readonly typeUrl: string;
  /** "Only the first request on a stream is guaranteed to carry the node identifier." */
  readonly node?: Node;
  readonly request: Request;
}

export function decodeSotwRequest(bytes: Uint8Array): Incoming<SotwRequest> {
  const message = fromBinary(DiscoveryRequestSchema, bytes, { readUnknownFields: false });
  const { errorDetail } = message;
  return {
    typeUrl: message.typeUrl,
    ...(message.node && { node: message.node }),
    request: {
      nonce: message.responseNonce,
      names: message.resourceNames,
      version: message.versionInfo,
      ...(errorDetail && { rejection: { code: errorDetail.code, message: errorDetail.message } }),
    },
  };
}

export function decodeDeltaRequest(bytes: Uint8Array): Incoming<DeltaRequest> {
  return decodePlainDeltaRequest(bytes) ?? decodeAnyDeltaRequest(bytes);
}

/**
 * A request of nothing but a type, a nonce and names. A thousand of these follow each change to a
 * thousand clients, and the generated decoder takes several times as long for them.
 */
function decodePlainDeltaRequest(bytes: Uint8Array): Incoming<DeltaRequest> | undefined {
  const reader = new BinaryReader(bytes);
  let typeUrl = '';
  let nonce = '';
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) {
      return undefined;
    }
    switch (field) {
      case 2:
        typeUrl = reader.string();
        break;
      case 3:
        subscribe.push(reader.string());
        break;
      case 4:
        unsubscribe.push(reader.string());
        break;
      case 6:
        nonce = reader.string();
        break;
      default:
        return undefined;
    }
  }
  return { typeUrl, request: { nonce, subscribe, unsubscribe, initialVersions: {} } };
}

function decodeAnyDeltaRequest(bytes: Uint8Array): Incoming<DeltaRequest> {
  const message = fromBinary(DeltaDiscoveryRequestSchema, bytes, { readUnknownFields: false });
  const { errorDetail } = message;
  return {
    typeUrl: message.typeUrl,
    ...(message.node && { node: message.node }),
    request: {
      nonce: message.responseNonce,
      subscribe: message.resourceNamesSubscribe,
      unsubscribe: message.resourceNamesUnsubscribe,
      initialVersions: message.initialResourceVersions,
      ...(errorDetail && { rejection: { code: errorDetail.code, message: errorDetail.message } }),
    },
  };
}

/*
 * Responses are put together from pieces: the bytes of a resource are those that `resource` made,
 * and what stands around them (its name, version and lengths) is made once for each resource. A
 * response costs one copy into the buffer that goes to the socket. Field numbers are those of
 * https://github.com/envoyproxy/envoy/blob/v1.40.0/api/envoy/service/discovery/v3/discovery.proto;
 * the tests read the bytes back with the generated types.
 */

/** Encodes a DiscoveryResponse. */
export function encodeSotwResponse(typeUrl: string, update: Update, nonce: string): Buffer {
  const tail = new BinaryWriter();
  tail.tag(4, WireType.LengthDelimited).string(typeUrl);
  tail.tag(5, WireType.LengthDelimited).string(nonce);
  writeProblems(tail, 7, update);
  return joined(update, update.heartbeat ? sotwHeartbeat : sotwPrefix, tail);
}

/** Encodes a DeltaDiscoveryResponse. */
export function encodeDeltaResponse(typeUrl: string, update: Update, nonce: string): Buffer {
  const tail = new BinaryWriter();
  tail.tag(4, WireType.LengthDelimited).string(typeUrl);
  tail.tag(5, WireType.LengthDelimited).string(nonce);
  for (const name of update.removed) {
    tail.tag(6, WireType.LengthDelimited).string(name);
  }
  for (const name of update.unresolved ?? []) {
    writeUnresolved(tail, name);
  }
  writeProblems(tail, 9, update);
  return joined(update, update.heartbeat ? deltaHeartbeat : deltaPrefix, tail);
}

/** `resources: [Resource { name, aliases }]` */
function writeUnresolved(writer: BinaryWriter, name: string): void {
  const unresolved = toBinary(ResourceSchema, create(ResourceSchema, { name, aliases: [name] }));
  writer.tag(2, WireType.LengthDelimited).bytes(unresolved);
}

function joined(update: Update, prefix: Prefix, tail: BinaryWriter): Buffer {
  const pieces: Uint8Array[] = [
    new BinaryWriter().tag(1, WireType.LengthDelimited).string(update.version).finish(),
  ];
  for (const resource of update.resources) {
    pieces.push(prefix.of(resource));
    if (!update.heartbeat) {
      pieces.push(resource.value);
    }
  }
  pieces.push(tail.finish());
  return Buffer.concat(pieces);
}

function writeProblems(writer: BinaryWriter, field: number, { problems }: Update): void {
  for (const [name, { code, message }] of problems ?? []) {
    const error = create(ResourceErrorSchema, {
      resourceName: { name },
      errorDetail: { code, message },
    });
    writer.tag(field, WireType.LengthDelimited).bytes(toBinary(ResourceErrorSchema, error));
  }
}

/** Bytes that are made once for each resource and live as long as it does. */
class Prefix {
  readonly #made = new WeakMap<TypedResource, Uint8Array>();
  constructor(private readonly make: (resource: TypedResource) => Uint8Array) {}

  of(resource: TypedResource): Uint8Array {
    const known = this.#made.get(resource);
    if (known !== undefined) {
      return known;
    }
    const made = this.make(resource);
    this.#made.set(resource, made);
    return made;
  }
}

/** `resources: [Any { type_url, value: …`; with a time to live the resource is wrapped. */
const sotwPrefix = new Prefix((resource) => {
  const any = anyPrefix(resource.typeUrl, resource.value.length);
  if (resource.ttlMs === undefined) {
    return nested(2, any, resource.value.length);
  }
  const wrapped = wrapperPrefix(resource);
  const wrapper = anyPrefix(wrapperTypeUrl, wrapped.length + resource.value.length);
  return nested(2, Buffer.concat([wrapper, wrapped]), resource.value.length);
});

/** `resources: [Resource { name, version, ttl, resource: Any { type_url, value: …` */
const deltaPrefix = new Prefix((resource) =>
  nested(2, wrapperPrefix(resource), resource.value.length),
);

/** `resources: [Any { type_url, value: Resource { name, version, ttl } }]` */
const sotwHeartbeat = new Prefix((resource) => {
  const wrapped = wrapperHead(resource).finish();
  return nested(2, Buffer.concat([anyPrefix(wrapperTypeUrl, wrapped.length), wrapped]), 0);
});

/** `resources: [Resource { name, version, ttl }]` */
const deltaHeartbeat = new Prefix((resource) => nested(2, wrapperHead(resource).finish(), 0));

const wrapperTypeUrl = `type.googleapis.com/${ResourceSchema.typeName}`;

function wrapperHead({ name, version, ttlMs, aliases = [] }: TypedResource): BinaryWriter {
  const head = new BinaryWriter();
  head.tag(3, WireType.LengthDelimited).string(name);
  head.tag(1, WireType.LengthDelimited).string(version);
  for (const alias of aliases) {
    head.tag(4, WireType.LengthDelimited).string(alias);
  }
  if (ttlMs !== undefined) {
    head.tag(6, WireType.LengthDelimited).bytes(toBinary(DurationSchema, durationFromMs(ttlMs)));
  }
  return head;
}

function wrapperPrefix(resource: TypedResource): Uint8Array {
  const any = anyPrefix(resource.typeUrl, resource.value.length);
  return wrapperHead(resource)
    .raw(nested(2, any, resource.value.length))
    .finish();
}

/** A field that holds `bytes` and `more` bytes that follow. */
function nested(field: number, bytes: Uint8Array, more: number): Uint8Array {
  return new BinaryWriter()
    .tag(field, WireType.LengthDelimited)
    .uint32(bytes.length + more)
    .raw(bytes)
    .finish();
}

/** An Any whose value follows. */
function anyPrefix(typeUrl: string, valueBytes: number): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(typeUrl)
    .tag(2, WireType.LengthDelimited)
    .uint32(valueBytes)
    .finish();
}
