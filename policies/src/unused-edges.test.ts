import type { Witness } from '@dotline/model/edge';
import { describe, expect, it } from '@jest/globals';
import { edgesOf, joinRelations } from './join-relations.js';
import { meshOf } from './mesh-fixture.js';
import type { PolicyState } from './policy-diff.js';
import { findUnused, type RuleAges, type UsageSeen } from './unused-edges.js';

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const mesh = meshOf('/mesh');

function at(team: string, line: number, commit = 'old'): Witness {
  return { team, file: `policies/teams/${team}/rules.rego`, line, commit };
}

function stateOf(grantCommit = 'old'): PolicyState {
  const needs = [
    { service: 'orders', operation: 'fare.estimate', witness: at('rides', 1) },
    { service: 'orders', operation: 'fare.get-estimate', witness: at('rides', 2) },
    { service: 'rider-app', operation: 'promotions.list', witness: at('rides', 3) },
  ];
  const grants = [
    {
      operation: 'fare.estimate',
      caller: { kind: 'team' as const, name: 'rides' },
      witness: at('pricing', 1),
    },
    {
      operation: 'fare.get-estimate',
      caller: { kind: 'service' as const, name: 'orders' },
      witness: at('pricing', 2, grantCommit),
    },
    {
      operation: 'promotions.list',
      caller: { kind: 'service' as const, name: 'orders' },
      witness: at('pricing', 3),
    },
  ];
  const relations = { needs, grants, baseline: [], refused: [] };
  const { agreements } = joinRelations(mesh, relations);
  return { mesh, relations, edges: edgesOf(agreements, []) };
}

const ages: RuleAges = {
  edges: new Map([
    ['orders->fare', { addedMs: NOW_MS - 90 * DAY_MS, formMs: NOW_MS - 5 * DAY_MS }],
  ]),
  commitsMs: new Map([
    ['old', NOW_MS - 60 * DAY_MS],
    ['new', NOW_MS - 3 * DAY_MS],
  ]),
};

it('never calls the keys of an issuer unused, since sidecars fetch them without a record', () => {
  const keys = { kind: 'operation', operation: 'fare.get-estimate' } as const;
  const tokenIssuers = [{ issuer: 'https://fare.example', audiences: ['rides'], keys }];
  const state = stateOf();
  const unused = (of: PolicyState) =>
    findUnused(of, seen(), ages).edges.flatMap(({ operations }) =>
      operations.map(({ operation }) => operation),
    );
  expect(unused(state)).toContain('fare.get-estimate');
  expect(unused({ ...state, mesh: { ...mesh, tokenIssuers } })).not.toContain('fare.get-estimate');
});

function seen(changes: Partial<UsageSeen> = {}): UsageSeen {
  return {
    fromMs: NOW_MS - 30 * DAY_MS,
    untilMs: NOW_MS,
    historySinceMs: 0,
    hoursRecorded: 720,
    operations: [
      {
        caller: 'orders',
        callee: 'fare',
        operation: 'fare.estimate',
        requests: 7,
        lastSeenMs: NOW_MS,
      },
      {
        caller: 'orders',
        callee: 'fare',
        operation: 'fare.get-estimate',
        requests: 0,
        lastSeenMs: NOW_MS - 40 * DAY_MS,
      },
    ],
    ...changes,
  };
}

describe('what is allowed and not used', () => {
  it('is an operation with its proof, its age and its last request, beside what is used', () => {
    const { edges, historyIsWhole } = findUnused(stateOf(), seen(), ages);
    expect(historyIsWhole).toBe(true);
    expect(edges).toMatchObject([
      {
        id: 'orders->fare',
        whole: false,
        requests: 7,
        callerTeam: 'rides',
        calleeTeam: 'pricing',
        operations: [
          {
            operation: 'fare.get-estimate',
            judgement: 'unused',
            lastSeenMs: NOW_MS - 40 * DAY_MS,
            // The edge was widened five days ago, this rule is older.
            sinceMs: NOW_MS - 60 * DAY_MS,
            need: { line: 2 },
            grant: { line: 2 },
          },
        ],
      },
    ]);
  });

  it('is a need that nobody grants, and a grant that nobody needs', () => {
    const { needs, grants } = findUnused(stateOf(), seen(), ages);
    expect(needs.map(({ relation, judgement }) => [relation.operation, judgement])).toEqual([
      ['promotions.list', 'unused'],
    ]);
    expect(grants.map(({ relation, judgement }) => [relation.witness.line, judgement])).toEqual([
      [3, 'unused'],
    ]);
  });

  it('is not what is younger than the window, by its edge and by its files', () => {
    const [edge] = findUnused(stateOf('new'), seen(), ages).edges;
    expect(edge?.operations).toMatchObject([
      { judgement: 'too-young', sinceMs: NOW_MS - 5 * DAY_MS },
    ]);
  });

  it('is not what was allowed again only lately, however old its rules are', () => {
    const edges = new Map([
      ['orders->fare', { addedMs: NOW_MS - DAY_MS, formMs: NOW_MS - DAY_MS }],
    ]);
    const [edge] = findUnused(stateOf(), seen(), { ...ages, edges }).edges;
    expect(edge?.operations).toMatchObject([{ judgement: 'too-young', sinceMs: NOW_MS - DAY_MS }]);
  });

  it('is not what is not live, or what nobody knows the age of', () => {
    const nothing: RuleAges = { edges: new Map(), commitsMs: new Map() };
    const { edges, needs, grants } = findUnused(stateOf(), seen(), nothing);
    const judged = [...(edges[0]?.operations ?? []), ...needs, ...grants];
    expect(judged.map(({ judgement }) => judgement)).toEqual(Array(3).fill('too-young'));
  });

  it('is judged from the first record on when records are shorter than the window', () => {
    const short = seen({ historySinceMs: NOW_MS - DAY_MS });
    const { edges, historyIsWhole } = findUnused(stateOf('new'), short, ages);
    expect(historyIsWhole).toBe(false);
    expect(edges[0]?.operations[0]?.judgement).toBe('unused');
    const none = findUnused(stateOf(), seen({ historySinceMs: null, operations: [] }), ages);
    expect(none.historyIsWhole).toBe(false);
  });

  it('is told to the teams that it concerns', () => {
    const of = (team: string) => findUnused(stateOf(), seen(), ages, team);
    expect(of('pricing')).toMatchObject({ edges: [{}], needs: [], grants: [{}] });
    expect(of('identity-and-trust')).toMatchObject({ edges: [], needs: [], grants: [] });
  });
});
