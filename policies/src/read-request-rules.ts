import type { RequestRule } from '@dotline/model/request-policy';
import { z } from 'zod';
import {
  type Emitted,
  foreignService,
  type MeshNames,
  type ReadRelations,
  readRows,
  unknownOperation,
} from './read-relations.js';
import { compareText, compareWitnesses } from './relations.js';

const Shape = z.strictObject({
  operation: z.string(),
  fail: z.enum(['closed', 'open']).default('closed'),
});

/**
 * Of which of its operations a team decides each request: one rule for each operation. Where two rules name the
 * same one, the stricter holds, and of equal ones the first.
 */
export function readRequestRules(
  names: MeshNames,
  team: string,
  emitted: Emitted,
): ReadRelations<RequestRule> {
  const read = readRows(emitted, 'request_rules', {
    shape: Shape,
    example:
      '{"operation": "<service>.<operation>"}, with "fail": "open" where requests shall pass undecided while the authorizer is away',
    check: ({ operation }, witness) => {
      const owner = names.operations.get(operation)?.service;
      return [
        ...unknownOperation(names, operation, witness),
        ...(owner === undefined ? [] : foreignService(names, team, owner, witness)),
      ];
    },
    relationOf: ({ operation, fail }, witness): RequestRule => ({ operation, fail, witness }),
  });
  const byOperation = new Map<string, RequestRule>();
  for (const rule of read.relations.sort((a, b) => compareWitnesses(a.witness, b.witness))) {
    const before = byOperation.get(rule.operation);
    if (before === undefined || (before.fail === 'open' && rule.fail === 'closed')) {
      byOperation.set(rule.operation, rule);
    }
  }
  const relations = [...byOperation.values()];
  relations.sort((a, b) => compareText(a.operation, b.operation));
  return { relations, problems: read.problems };
}
