import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { registry } from 'envoy-control-plane-ts/gen/registry';

/** A resource that one side has. */
export interface ProxyResource {
  readonly typeUrl: string;
  readonly name: string;
  /** The decoded message, with the names that Envoy's documentation uses. */
  readonly content: JsonValue;
}

/** A message of a type that the generated Envoy API does not have. */
export class UnknownMessageError extends Error {
  override readonly name = 'UnknownMessageError';

  constructor(readonly typeUrl: string) {
    super(`there is no ${typeUrl} in the Envoy API that this was built with`);
  }
}

/**
 * Decodes a message and everything packed into it, so that two encodings of the same are equal.
 * @throws UnknownMessageError
 */
export function contentOf({ typeUrl, value }: Any): JsonValue {
  const schema: DescMessage | undefined = registry.getMessage(typeUrl.split('/').at(-1) ?? '');
  if (schema === undefined) throw new UnknownMessageError(typeUrl);
  return toJson(schema, fromBinary(schema, value), { registry, useProtoFieldName: true });
}
