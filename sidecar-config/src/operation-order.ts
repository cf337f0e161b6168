import type { Operation } from '@dotline/model/mesh';
import { overlapOfTemplates } from '@dotline/model/path-template';

/**
 * Path templates of one service may overlap: `GET /rides/latest` also has the form of
 * `GET /rides/{id}`. A request then is the operation whose template says more, and never the other:
 * who may only read a ride by id may not read the latest.
 */

/** The service's operations, each before those that it takes requests from. */
export function byPrecedence(operations: readonly Operation[]): Operation[] {
  return [...operations].sort(comparePrecedence);
}

/** Operations that take some of the requests that have the form of `operation`. */
export function overriding(operation: Operation, operations: readonly Operation[]): Operation[] {
  return byPrecedence(operations).filter(
    (other) =>
      other.id !== operation.id &&
      other.method === operation.method &&
      other.host === operation.host &&
      overlapOfTemplates(other.path, operation.path) !== undefined &&
      comparePrecedence(other, operation) < 0,
  );
}

/** At the first difference a literal segment goes before a parameter, and that before any rest. */
function comparePrecedence(a: Operation, b: Operation): number {
  const left = segments(a);
  const right = segments(b);
  for (const [index, segment] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = breadth(segment) - breadth(other);
    if (order !== 0) return order;
    if (breadth(segment) === 0 && segment !== other) return segment < other ? -1 : 1;
  }
  if (left.length !== right.length) return -1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function segments(operation: Operation): string[] {
  return operation.path.split('/');
}

/** How much a segment takes in: itself, any one, any rest. */
function breadth(segment: string): number {
  if (segment === '**') return 2;
  return segment.startsWith('{') ? 1 : 0;
}
