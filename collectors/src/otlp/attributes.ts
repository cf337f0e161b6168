import type { AnyValue, KeyValue } from '../gen/opentelemetry/proto/common/v1/common.js';

const DEPTH_MAX = 8;
const ATTRIBUTES_MAX = 256;
const TEXT_MAX = 16_384;

/** Attributes by name; the first 256, each value as text of at most 16,384 characters. */
export function attributesOf(list: readonly KeyValue[]): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const { key, value } of list) {
    if (attributes.size >= ATTRIBUTES_MAX) break;
    attributes.set(key, textOf(value));
  }
  return attributes;
}

/** A value as text: strings as they are, bytes in base64, arrays and maps as JSON. */
export function textOf(value: AnyValue | undefined): string {
  const plain = plainOf(value, 0);
  const text = typeof plain === 'string' ? plain : plain === undefined ? '' : JSON.stringify(plain);
  return text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) : text;
}

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

function plainOf(any: AnyValue | undefined, depth: number): Plain | undefined {
  const value = any?.value;
  if (value === undefined) return undefined;
  switch (value.$case) {
    case 'stringValue':
    case 'boolValue':
      return value.value;
    case 'intValue':
      return value.value.toString();
    case 'doubleValue':
      return Number.isFinite(value.value) ? value.value : String(value.value);
    case 'bytesValue':
      return value.value.toString('base64');
    case 'arrayValue':
      return depth >= DEPTH_MAX
        ? '…'
        : value.value.values.map((item) => plainOf(item, depth + 1) ?? null);
    case 'kvlistValue':
      return depth >= DEPTH_MAX
        ? '…'
        : Object.fromEntries(
            value.value.values.map(({ key, value: item }) => [
              key,
              plainOf(item, depth + 1) ?? null,
            ]),
          );
    // Only profiles have the string table that this points into.
    case 'stringValueStrindex':
      return undefined;
  }
}

/** An id of 16 or 8 bytes as hexadecimal text; empty when absent, all zero or of another length. */
export function hexId(bytes: Buffer, length: 8 | 16): string {
  if (bytes.length !== length) return '';
  const text = bytes.toString('hex');
  return /[1-9a-f]/.test(text) ? text : '';
}
