import {
  clone,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

/**
 * Encodes a message so that equal messages have equal bytes.
 *
 * Protobuf leaves the order of map entries open and protobuf-es writes them in the order in which
 * they were set, so the same cluster built in another order would have another content hash and
 * be sent again. Here map entries (and the fields of a google.protobuf.Struct, which protobuf-es
 * shows as plain JSON) are written sorted by key. Messages packed into an Any are bytes already:
 * pack them with `anyOf`, which encodes by the same rule.
 */
export function canonicalBinary<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): Uint8Array {
  if (!hasUnordered(schema) || isSorted(schema, message as unknown as Fields)) {
    return toBinary(schema, message);
  }
  const copy = clone(schema, message);
  sortMaps(schema, copy as unknown as Fields);
  return toBinary(schema, copy);
}

/** A message seen as its fields, by local name. */
type Fields = Record<string, unknown>;

const structTypeName = 'google.protobuf.Struct';
const unorderedByType = new Map<string, boolean>();

/** Whether a message type can hold a map at any depth; most of Envoy's types can. */
function hasUnordered(schema: DescMessage): boolean {
  const cached = unorderedByType.get(schema.typeName);
  if (cached !== undefined) {
    return cached;
  }
  const reachable = new Set<DescMessage>();
  const result = reachesMap(schema, reachable);
  unorderedByType.set(schema.typeName, result);
  return result;
}

function reachesMap(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) {
    return false;
  }
  seen.add(schema);
  return (
    schema.typeName === structTypeName ||
    schema.fields.some(
      (field) =>
        field.fieldKind === 'map' ||
        (field.message !== undefined && reachesMap(field.message, seen)),
    )
  );
}

/** Whether every map below a message is in order already; most are empty or have one entry. */
function isSorted(schema: DescMessage, message: Fields): boolean {
  return fieldsWithMaps(schema).every((field) => {
    const holder = field.oneof === undefined ? message : oneofHolder(message, field);
    const value = holder?.[field.oneof === undefined ? field.localName : 'value'];
    return value === undefined || value === null || isSortedValue(field, value);
  });
}

function isSortedValue(field: DescField, value: unknown): boolean {
  switch (field.fieldKind) {
    case 'message':
      return isSortedMessage(field.message, value);
    case 'list':
      return (
        field.listKind !== 'message' ||
        (value as unknown[]).every((item) => isSortedMessage(field.message, item))
      );
    case 'map':
      return (
        hasSortedKeys(value as Fields) &&
        (field.mapKind !== 'message' ||
          Object.values(value as Fields).every((item) => isSortedMessage(field.message, item)))
      );
    default:
      return true;
  }
}

function isSortedMessage(schema: DescMessage, value: unknown): boolean {
  if (schema.typeName === structTypeName) {
    return isSortedJson(value as JsonObject);
  }
  return !hasUnordered(schema) || isSorted(schema, value as Fields);
}

function isSortedJson(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) {
    return true;
  }
  return (Array.isArray(value) || hasSortedKeys(value)) && Object.values(value).every(isSortedJson);
}

function hasSortedKeys(map: object): boolean {
  const keys = Object.keys(map);
  return keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') < key);
}

const mapFieldsByType = new Map<string, readonly DescField[]>();

/** The fields of a message below which there can be a map. */
function fieldsWithMaps(schema: DescMessage): readonly DescField[] {
  const cached = mapFieldsByType.get(schema.typeName);
  if (cached !== undefined) {
    return cached;
  }
  const fields = schema.fields.filter(
    (field) =>
      field.fieldKind === 'map' || (field.message !== undefined && hasUnordered(field.message)),
  );
  mapFieldsByType.set(schema.typeName, fields);
  return fields;
}

/** Sorts every map below a message that belongs to us alone. */
function sortMaps(schema: DescMessage, message: Fields): void {
  for (const field of schema.fields) {
    const holder = field.oneof === undefined ? message : oneofHolder(message, field);
    const key = field.oneof === undefined ? field.localName : 'value';
    const value = holder?.[key];
    if (holder === undefined || value === undefined || value === null) {
      continue;
    }
    holder[key] = sortedValue(field, value);
  }
}

/** A set oneof is `{ case, value }` under the oneof's own name. */
function oneofHolder(message: Fields, field: DescField): Fields | undefined {
  const group = message[field.oneof?.localName ?? ''] as Fields | undefined;
  return group?.case === field.localName ? group : undefined;
}

function sortedValue(field: DescField, value: unknown): unknown {
  switch (field.fieldKind) {
    case 'message':
      return sortedMessage(field.message, value);
    case 'list':
      return field.listKind === 'message'
        ? (value as unknown[]).map((item) => sortedMessage(field.message, item))
        : value;
    case 'map': {
      const sorted = sortedKeys(value as Fields);
      if (field.mapKind === 'message') {
        for (const key of Object.keys(sorted)) {
          sorted[key] = sortedMessage(field.message, sorted[key]);
        }
      }
      return sorted;
    }
    default:
      return value;
  }
}

function sortedMessage(schema: DescMessage, value: unknown): unknown {
  if (schema.typeName === structTypeName) {
    return sortedJson(value as JsonObject);
  }
  if (hasUnordered(schema) && typeof value === 'object' && value !== null) {
    sortMaps(schema, value as Fields);
  }
  return value;
}

function sortedJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value.map(sortedJson);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const sorted = sortedKeys(value);
  for (const key of Object.keys(sorted)) {
    sorted[key] = sortedJson(sorted[key] as JsonValue);
  }
  return sorted as JsonObject;
}

function sortedKeys(map: Fields): Fields {
  return Object.fromEntries(
    Object.entries(map).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)),
  );
}
