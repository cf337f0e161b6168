import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DurationSchema } from '@bufbuild/protobuf/wkt';

/** A whole number of milliseconds as a protobuf duration. */
export function milliseconds(count: number): MessageInitShape<typeof DurationSchema> {
  return { seconds: BigInt(Math.floor(count / 1000)), nanos: (count % 1000) * 1_000_000 };
}
