import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { explain } from './explain.js';
import { findingsOf } from './finding.js';
import { candidatesOf, edgesOf, joinRelations } from './join-relations.js';
import { meshOf } from './mesh-fixture.js';
import type {
  BaselineAllowance,
  CallerSelector,
  Grant,
  GuardrailDenial,
  Need,
  StatedRelations,
} from './relations.js';

const TEAMS = ['north', 'south', 'west'];
const TIERS = ['critical', 'standard', 'best-effort'] as const;
const mesh = meshOf(
  '/nowhere',
  Array.from({ length: 9 }, (_, index) => ({
    name: `s${index}`,
    team: TEAMS[index % 3] ?? '',
    tier: TIERS[Math.floor(index / 2) % 3] ?? 'standard',
    product: index < 5 ? 'first' : 'second',
    operations: { a: 'read' as const, b: 'pii' as const },
    purposes: { b: ['support'] },
  })),
);
const services = mesh.services.map((service) => service.name);
const operations = mesh.services.flatMap((service) => service.operations.map(({ id }) => id));
const teamOf = new Map(mesh.services.map((service) => [service.name, service.team]));

const place = (team: string) =>
  fc.record({
    team: fc.constant(team),
    file: fc.constantFrom(`policies/teams/${team}/a.rego`, `policies/teams/${team}/b.rego`),
    line: fc.integer({ min: 1, max: 50 }),
  });
const purposes = fc.constantFrom({}, {}, { purpose: 'support' }, { purpose: 'billing' });
const needs = fc
  .record({
    service: fc.constantFrom(...services),
    operation: fc.constantFrom(...operations),
    purpose: purposes,
    optional: fc.constantFrom({}, { optional: true }),
  })
  .chain(({ service, operation, purpose, optional }) =>
    place(teamOf.get(service) ?? '').map(
      (witness): Need => ({ service, operation, ...purpose, ...optional, witness }),
    ),
  );
const callers: fc.Arbitrary<CallerSelector> = fc.oneof(
  fc.constantFrom(...services).map((name) => ({ kind: 'service' as const, name })),
  fc.constantFrom(...TEAMS).map((name) => ({ kind: 'team' as const, name })),
  fc.constantFrom(...TIERS).map((name) => ({ kind: 'tier' as const, name })),
  fc.constantFrom('first', 'second').map((name) => ({ kind: 'product' as const, name })),
);
const grants = fc
  .record({ operation: fc.constantFrom(...operations), caller: callers })
  .chain(({ operation, caller }) =>
    place(teamOf.get(operation.split('.')[0] ?? '') ?? '').map(
      (witness): Grant => ({ operation, caller, witness }),
    ),
  );
const allowances = fc.record({
  service: fc.constantFrom(...services),
  operation: fc.constantFrom(...operations),
  witness: place('platform'),
}) satisfies fc.Arbitrary<BaselineAllowance>;
const stated: fc.Arbitrary<StatedRelations> = fc.record({
  needs: fc.array(needs, { maxLength: 60 }),
  grants: fc.array(grants, { maxLength: 60 }),
  baseline: fc.array(allowances, { maxLength: 3 }),
});
const denials: fc.Arbitrary<GuardrailDenial[]> = fc.array(
  fc
    .record({
      caller: fc.constantFrom(...services),
      operation: fc.constantFrom(...operations),
      purpose: fc.oneof(purposes, fc.constant({ purpose: '' })),
    })
    .map(({ caller, operation, purpose }) => ({
      caller,
      callee: operation.split('.')[0] ?? '',
      operation,
      ...purpose,
      reason: 'no',
      guardrail: { team: 'platform', file: 'policies/platform/g.rego', line: 1 },
    })),
  { maxLength: 40 },
);

/** The definition, word for word: quadratic and obviously right. */
function pairsByDefinition({ needs: wanted, grants: given, baseline }: StatedRelations): string[] {
  const pairs = new Set(baseline.map((each) => `${each.service} ${each.operation}`));
  for (const need of wanted) {
    const caller = mesh.services.find((service) => service.name === need.service);
    for (const grant of given) {
      const { kind, name } = grant.caller;
      const matches = kind === 'service' ? caller?.name === name : caller?.[kind] === name;
      if (matches && grant.operation === need.operation) {
        pairs.add(`${need.service} ${need.operation}`);
      }
    }
  }
  return [...pairs].sort();
}

function edgesFor(relations: StatedRelations, refused: readonly GuardrailDenial[] = []) {
  return edgesOf(joinRelations(mesh, relations).agreements, refused);
}

function pairsOf(edges: ReturnType<typeof edgesFor>): string[] {
  return edges.flatMap((edge) =>
    edge.operations.map(({ operation }) => `${edge.caller} ${operation}`),
  );
}

describe('joining', () => {
  it('gives exactly the pairs of the definition', () => {
    fc.assert(
      fc.property(stated, (relations) => {
        expect(pairsOf(edgesFor(relations)).sort()).toEqual(pairsByDefinition(relations));
      }),
    );
  });

  it('does not depend on the order of anything', () => {
    const shuffled = stated.chain((relations) =>
      fc.record({
        relations: fc.constant(relations),
        other: fc.record({
          needs: fc.shuffledSubarray([...relations.needs], { minLength: relations.needs.length }),
          grants: fc.shuffledSubarray([...relations.grants], {
            minLength: relations.grants.length,
          }),
          baseline: fc.shuffledSubarray([...relations.baseline], {
            minLength: relations.baseline.length,
          }),
        }),
      }),
    );
    fc.assert(
      fc.property(shuffled, denials, ({ relations, other }, refused) => {
        expect(edgesFor(other, refused)).toEqual(edgesFor(relations, refused));
        expect(findingsOf(joinRelations(mesh, other), refused)).toEqual(
          findingsOf(joinRelations(mesh, relations), refused),
        );
      }),
    );
  });

  it('proves every edge with a rule of each side', () => {
    fc.assert(
      fc.property(stated, (relations) => {
        const allowedBy = new Set(relations.baseline.map((each) => JSON.stringify(each.witness)));
        for (const { caller, callee, operations: agreed } of edgesFor(relations)) {
          for (const { need, grant, operation } of agreed) {
            expect(operation.startsWith(`${callee}.`)).toBe(true);
            if (allowedBy.has(JSON.stringify(need))) continue;
            expect(relations.needs).toContainEqual(
              expect.objectContaining({ service: caller, operation, witness: need }),
            );
            expect(
              relations.grants.some(
                (each) => each.witness === grant && each.operation === operation,
              ),
            ).toBe(true);
            expect([need.team, grant.team]).toEqual([teamOf.get(caller), teamOf.get(callee)]);
          }
        }
      }),
    );
  });

  it('never has an operation twice, nor an edge without operations', () => {
    fc.assert(
      fc.property(stated, denials, (relations, refused) => {
        const edges = edgesFor(relations, refused);
        const ids = edges.map((edge) => edge.id);
        expect(ids).toEqual([...new Set(ids)].sort());
        for (const edge of edges) {
          const names = edge.operations.map((each) => each.operation);
          expect(names.length).toBeGreaterThan(0);
          expect(names).toEqual([...new Set(names)].sort());
        }
      }),
    );
  });

  it('lets a team change only the edges that touch its services', () => {
    fc.assert(
      fc.property(stated, stated, fc.constantFrom(...TEAMS), (relations, other, team) => {
        const isTheirs = (each: { witness: { team: string } }) => each.witness.team === team;
        const changed = {
          baseline: relations.baseline,
          needs: [
            ...relations.needs.filter((need) => !isTheirs(need)),
            ...other.needs.filter(isTheirs),
          ],
          grants: [
            ...relations.grants.filter((grant) => !isTheirs(grant)),
            ...other.grants.filter(isTheirs),
          ],
        };
        const untouched = (each: { caller: string; callee: string }) =>
          teamOf.get(each.caller) !== team && teamOf.get(each.callee) !== team;
        expect(edgesFor(changed).filter(untouched)).toEqual(edgesFor(relations).filter(untouched));
      }),
    );
  });

  it('is monotone: another need or grant takes no pair away', () => {
    fc.assert(
      fc.property(stated, needs, grants, (relations, need, grant) => {
        const more = {
          ...relations,
          needs: [...relations.needs, need],
          grants: [...relations.grants, grant],
        };
        expect(pairsOf(edgesFor(more))).toEqual(
          expect.arrayContaining(pairsOf(edgesFor(relations))),
        );
      }),
    );
  });
});

describe('guardrails', () => {
  it('only ever take away, the more the less is left, and are final', () => {
    fc.assert(
      fc.property(stated, denials, denials, (relations, some, more) => {
        const all = pairsOf(edgesFor(relations));
        const left = pairsOf(edgesFor(relations, some));
        const fewer = pairsOf(edgesFor(relations, [...some, ...more]));
        expect(all).toEqual(expect.arrayContaining(left));
        expect(left).toEqual(expect.arrayContaining(fewer));
        for (const { caller, operation, purpose } of some) {
          if (purpose === undefined) expect(left).not.toContain(`${caller} ${operation}`);
        }
      }),
    );
  });

  it('leave exactly the purposes that they do not refuse', () => {
    fc.assert(
      fc.property(stated, denials, (relations, refused) => {
        const { agreements } = joinRelations(mesh, relations);
        for (const { caller, operations: agreed } of edgesOf(agreements, refused)) {
          for (const { operation, purposes: allowed = [] } of agreed) {
            const own = agreements.filter(
              (each) => each.caller === caller && each.operation === operation,
            );
            const left = own.filter(
              ({ purpose }) =>
                !refused.some(
                  (denial) =>
                    denial.caller === caller &&
                    denial.operation === operation &&
                    [undefined, purpose].includes(denial.purpose),
                ),
            );
            const named = left.flatMap(({ purpose }) => (purpose === '' ? [] : [purpose]));
            expect([left.length > 0, allowed]).toEqual([true, named]);
          }
        }
      }),
    );
  });

  it('see one candidate for each pair and purpose, with every way in which consent was given', () => {
    const witness = { team: 'south', file: 'f', line: 1 };
    const need = { service: 's0', operation: 's1.b', witness: { ...witness, team: 'north' } };
    const consent = (caller: CallerSelector): Grant => ({ operation: 's1.b', caller, witness });
    const { agreements } = joinRelations(mesh, {
      needs: [need, need, { ...need, purpose: 'support', optional: true }],
      grants: [
        consent({ kind: 'product', name: 'first' }),
        consent({ kind: 'service', name: 's0' }),
        consent({ kind: 'team', name: 'west' }),
      ],
      baseline: [{ service: 's2', operation: 's1.a', witness }],
    });
    const cells = { callerCells: ['cell-1'], calleeCells: ['cell-1'], sharedCells: ['cell-1'] };
    const services = new Map(mesh.services.map((service) => [service.name, service]));
    expect(candidatesOf(services, agreements)).toEqual([
      {
        ...cells,
        caller: 's0',
        callee: 's1',
        operation: 's1.b',
        class: 'pii',
        purpose: '',
        optional: false,
        grantedTo: ['product', 'service'],
      },
      {
        ...cells,
        caller: 's0',
        callee: 's1',
        operation: 's1.b',
        class: 'pii',
        purpose: 'support',
        optional: true,
        grantedTo: ['product', 'service'],
      },
      {
        ...cells,
        caller: 's2',
        callee: 's1',
        operation: 's1.a',
        class: 'read',
        purpose: '',
        optional: false,
        grantedTo: ['baseline'],
      },
    ]);
  });
});

describe('explanations', () => {
  it('agree with the edges, for every pair of services', () => {
    fc.assert(
      fc.property(stated, denials, (relations, refused) => {
        const edges = new Map(edgesFor(relations, refused).map((edge) => [edge.id, edge]));
        for (const from of services.slice(0, 4)) {
          for (const to of services) {
            const explanation = explain(mesh, { ...relations, refused }, from, to);
            expect(explanation.edge).toEqual(edges.get(`${from}->${to}`));
            expect(explanation.verdict === 'allowed').toBe(explanation.edge !== undefined);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('name rules that, once added, make the operation part of the edge', () => {
    fc.assert(
      fc.property(
        stated,
        fc.constantFrom(...services),
        fc.constantFrom(...services),
        (relations, from, to) => {
          const { operations: explained } = explain(mesh, { ...relations, refused: [] }, from, to);
          for (const { state, missing, operation } of explained) {
            expect(missing.length > 0).toBe(state === 'blocked');
            const witness = { team: '', file: '', line: 1 };
            const added = edgesFor({
              baseline: relations.baseline,
              needs: [
                ...relations.needs,
                ...missing
                  .filter(({ side }) => side === 'need')
                  .map(() => ({ service: from, operation, witness })),
              ],
              grants: [
                ...relations.grants,
                ...missing
                  .filter(({ side }) => side === 'grant')
                  .map(() => ({
                    operation,
                    caller: { kind: 'service' as const, name: from },
                    witness,
                  })),
              ],
            });
            expect(pairsOf(added)).toContain(`${from} ${operation}`);
          }
        },
      ),
    );
  });
});
