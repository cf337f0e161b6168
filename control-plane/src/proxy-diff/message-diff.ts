import type { JsonValue } from '@bufbuild/protobuf';

/** What Envoy shows in place of fields that its API marks as sensitive, secret or not. */
const REDACTED = '[redacted]';

/** One field in which two messages differ; `undefined` when a side does not have it. */
export interface FieldDifference {
  /** Such as `virtual_hosts[fare].routes[0].match.path`. */
  readonly path: string;
  readonly held: JsonValue | undefined;
  readonly used: JsonValue | undefined;
}

/**
 * The fields in which two messages, written as JSON, differ. Lists whose entries have names of their
 * own are compared name by name, others place by place.
 */
export function fieldDifferences(
  held: JsonValue | undefined,
  used: JsonValue | undefined,
  path = '',
): FieldDifference[] {
  if (Array.isArray(held) && Array.isArray(used)) return listDifferences(held, used, path);
  if (isObject(held) && isObject(used)) {
    const keys = new Set([...Object.keys(held), ...Object.keys(used)]);
    return [...keys]
      .sort()
      .flatMap((key) =>
        fieldDifferences(held[key], used[key], path === '' ? key : `${path}.${key}`),
      );
  }
  // Nobody but Envoy can say what a hidden value is.
  const isHidden = held !== undefined && used === REDACTED;
  return held === used || isHidden ? [] : [{ path, held, used }];
}

function listDifferences(
  held: readonly JsonValue[],
  used: readonly JsonValue[],
  path: string,
): FieldDifference[] {
  const heldByName = byName(held);
  const usedByName = byName(used);
  if (heldByName !== undefined && usedByName !== undefined) {
    const names = new Set([...heldByName.keys(), ...usedByName.keys()]);
    const inside = [...names].flatMap((name) =>
      fieldDifferences(heldByName.get(name), usedByName.get(name), `${path}[${name}]`),
    );
    const [order, otherOrder] = [[...heldByName.keys()], [...usedByName.keys()]];
    const isMoved = inside.length === 0 && order.join('\n') !== otherOrder.join('\n');
    return isMoved ? [{ path: `${path}[order]`, held: order, used: otherOrder }] : inside;
  }
  const length = Math.max(held.length, used.length);
  return Array.from({ length }, (_, index) =>
    fieldDifferences(held[index], used[index], `${path}[${index}]`),
  ).flat();
}

/** `undefined` when an entry has no name, or two have the same. */
function byName(list: readonly JsonValue[]): ReadonlyMap<string, JsonValue> | undefined {
  const entries = list.flatMap((item) =>
    isObject(item) && typeof item.name === 'string' ? [[item.name, item] as const] : [],
  );
  const named = new Map(entries);
  return named.size === list.length ? named : undefined;
}

function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
