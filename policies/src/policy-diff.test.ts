import { type Edge, edgeId } from '@dotline/model/edge';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { meshOf } from './mesh-fixture.js';
import { newReach } from './new-reach.js';
import { diffPolicies, type PolicyState } from './policy-diff.js';

const SERVICES = ['a', 'b', 'c', 'd', 'e', 'f'];
const OPERATIONS = SERVICES.flatMap((service) => [`${service}.look`, `${service}.who`]);
const mesh = meshOf(
  '/mesh',
  SERVICES.map((name) => ({ name, team: 'team', operations: { look: 'read', who: 'pii' } })),
);

/** A state in which these callers may use these operations. */
function stateOf(allowed: readonly (readonly [string, string])[]): PolicyState {
  const witness = { team: 'team', file: 'policies/teams/team/rules.rego', line: 1 };
  const edges = new Map<string, Edge>();
  for (const [caller, operation] of [...allowed].sort()) {
    const [callee = ''] = operation.split('.');
    const id = edgeId(caller, callee);
    const operations = edges.get(id)?.operations ?? [];
    const agreed = { operation, need: witness, grant: witness };
    edges.set(id, { id, caller, callee, operations: [...operations, agreed] });
  }
  const relations = { needs: [], grants: [], baseline: [], refused: [] };
  return { mesh, edges: [...edges.values()], relations };
}

const states = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...SERVICES), fc.constantFrom(...OPERATIONS)), {
    selector: String,
    maxLength: 14,
  })
  .map(stateOf);

/** Who reaches whom, by squaring the relation until nothing is added; nothing reaches itself. */
function closure({ edges }: PolicyState): Set<string> {
  const pairs = new Set(edges.map(({ caller, callee }) => `${caller} ${callee}`));
  for (let size = -1; size !== pairs.size; ) {
    size = pairs.size;
    for (const x of SERVICES)
      for (const y of SERVICES)
        for (const z of SERVICES)
          if (pairs.has(`${x} ${y}`) && pairs.has(`${y} ${z}`)) pairs.add(`${x} ${z}`);
  }
  return new Set([...pairs].filter((pair) => pair[0] !== pair[2]));
}

/** Who may use an operation of class `pii`, itself or through those it reaches. */
function piiReach(state: PolicyState): Set<string> {
  const reached = closure(state);
  return new Set(
    SERVICES.flatMap((service) =>
      state.edges
        .filter(({ caller }) => caller === service || reached.has(`${service} ${caller}`))
        .flatMap(({ operations }) => operations.map(({ operation }) => operation))
        .filter((operation) => operation.endsWith('.who'))
        .map((operation) => `${service} ${operation}`),
    ),
  );
}

function beyond(after: ReadonlySet<string>, before: ReadonlySet<string>): string[] {
  return [...after].filter((pair) => !before.has(pair)).sort();
}

describe('the difference of two states', () => {
  it('is nothing between equal ones', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(diffPolicies(state, structuredClone(state))).toEqual({
          added: [],
          removed: [],
          widened: [],
          narrowed: [],
          redefined: [],
        });
        expect(newReach(state, structuredClone(state))).toEqual([]);
      }),
    );
  });

  it('is turned around with them', () => {
    fc.assert(
      fc.property(states, states, (before, after) => {
        const there = diffPolicies(before, after);
        const back = diffPolicies(after, before);
        expect(back).toEqual({
          added: there.removed,
          removed: there.added,
          widened: there.narrowed,
          narrowed: there.widened,
          redefined: [],
        });
      }),
    );
  });

  it('leads from the one to the other', () => {
    const allowedBy = ({ edges }: Pick<PolicyState, 'edges'>) =>
      edges.flatMap(({ id, operations }) => operations.map((each) => `${id} ${each.operation}`));
    fc.assert(
      fc.property(states, states, (before, after) => {
        const { added, removed, widened, narrowed } = diffPolicies(before, after);
        const lost = new Set(allowedBy({ edges: [...removed, ...narrowed] }));
        const kept = allowedBy(before).filter((each) => !lost.has(each));
        const gained = allowedBy({ edges: [...added, ...widened] });
        expect([...kept, ...gained].sort()).toEqual(allowedBy(after).sort());
      }),
    );
  });

  it('tells an operation whose meaning is another', () => {
    const state = stateOf([['a', 'b.look']]);
    const services = mesh.services.map((service) => ({
      ...service,
      operations: service.operations.map((operation) =>
        operation.id === 'b.look' ? { ...operation, path: '/v2/look' } : operation,
      ),
    }));
    const { redefined, ...edges } = diffPolicies(state, { ...state, mesh: { ...mesh, services } });
    expect(redefined).toEqual([
      {
        operation: 'b.look',
        before: { class: 'read', method: 'GET', path: '/look' },
        after: { class: 'read', method: 'GET', path: '/v2/look' },
      },
    ]);
    expect(Object.values(edges).flat()).toEqual([]);
  });
});

describe('what is newly reachable', () => {
  it('is the closure after without the closure before, of services and pii operations', () => {
    fc.assert(
      fc.property(states, states, (before, after) => {
        const reach = newReach(before, after);
        const pairsOf = (kind: string) =>
          reach
            .filter((each) => each.kind === kind)
            .flatMap(({ target, from }) => from.map(({ service }) => `${service} ${target}`))
            .sort();
        expect(pairsOf('service')).toEqual(beyond(closure(after), closure(before)));
        expect(pairsOf('pii-operation')).toEqual(beyond(piiReach(after), piiReach(before)));
      }),
    );
  });

  it('comes with a way over edges that are there', () => {
    fc.assert(
      fc.property(states, states, (before, after) => {
        const ids = new Set(after.edges.map(({ id }) => id));
        for (const { target, from } of newReach(before, after)) {
          for (const { service, path } of from) {
            expect([path[0], path.at(-1)]).toEqual([service, target.split('.')[0]]);
            for (const [index, callee] of path.slice(1).entries())
              expect(ids).toContain(edgeId(path[index] ?? '', callee));
          }
        }
      }),
    );
  });

  it('goes over any number of hops, by the shortest way', () => {
    const chain = [
      ['a', 'b.look'],
      ['b', 'c.look'],
      ['d', 'e.who'],
    ] as const;
    expect(newReach(stateOf(chain), stateOf([...chain, ['c', 'd.look']]))).toContainEqual({
      kind: 'pii-operation',
      target: 'e.who',
      from: [
        { service: 'a', path: ['a', 'b', 'c', 'd', 'e'] },
        { service: 'b', path: ['b', 'c', 'd', 'e'] },
        { service: 'c', path: ['c', 'd', 'e'] },
      ],
    });
  });
});
