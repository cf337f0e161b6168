import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyOf } from 'envoy-control-plane-ts';

/** An extension's configuration, packed as every extension point of Envoy wants it. */
export function typedConfig<Desc extends DescMessage>(
  schema: Desc,
  config: MessageInitShape<Desc>,
): { readonly case: 'typedConfig'; readonly value: Any } {
  return { case: 'typedConfig', value: anyOf(schema, create(schema, config)) };
}
