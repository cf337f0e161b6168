import { describe, expect, it } from '@jest/globals';
import { meshOf } from './mesh-fixture.js';
import { missingConsents, refusals } from './missing-consent.js';
import type { PolicyState } from './policy-diff.js';
import type { Need, PolicyRelations } from './relations.js';

const mesh = meshOf('/mesh');
const rides = (line: number) => ({ team: 'rides', file: 'policies/teams/rides/needs.rego', line });
const pricing = { team: 'pricing', file: 'policies/teams/pricing/policy.rego', line: 3 };

function needOf(operation: string, line: number): Need {
  return { service: 'orders', operation, witness: rides(line) };
}

function stateOf(relations: Partial<PolicyRelations>): PolicyState {
  const all = { needs: [], grants: [], baseline: [], refused: [], ...relations };
  return { mesh, edges: [], relations: all };
}

describe('consent that is missing', () => {
  const before = stateOf({ needs: [needOf('fare.estimate', 3)] });
  const granted = {
    operation: 'fare.get-estimate',
    caller: { kind: 'team' as const, name: 'rides' },
    witness: pricing,
  };

  it('names the rule to add, whom to ask, and whether it was missing before', () => {
    const needs = ['profile.get', 'fare.get-estimate', 'fare.estimate'].map(needOf);
    const after = stateOf({ needs, grants: [granted] });
    expect(missingConsents(before, after)).toMatchObject([
      {
        caller: 'orders',
        operation: 'fare.estimate',
        need: rides(2),
        grant: { team: 'pricing', contact: '#pricing', file: pricing.file },
        isNew: false,
      },
      {
        operation: 'profile.get',
        grant: {
          team: 'identity-and-trust',
          rego: 'grants contains {"operation": "profile.get", "caller": {"service": "orders"}}',
        },
        isNew: true,
      },
    ]);
  });

  it('is told once for several rules, at the first of them', () => {
    const needs = [needOf('fare.estimate', 9), needOf('fare.estimate', 4)];
    expect(missingConsents(before, stateOf({ needs }))).toMatchObject([{ need: rides(4) }]);
  });

  it('is none once it is granted', () => {
    const after = stateOf({ needs: [needOf('fare.get-estimate', 3)], grants: [granted] });
    expect(missingConsents(before, after)).toEqual([]);
  });
});

it('a refusal is new unless the same caller was refused the same operation before', () => {
  const denial = (operation: string) => ({
    caller: 'orders',
    callee: 'fare',
    operation,
    reason: 'no',
    guardrail: { team: 'platform', file: 'policies/platform/guardrails.rego', line: 1 },
  });
  const before = stateOf({ refused: [denial('fare.estimate')] });
  const after = stateOf({ refused: [denial('fare.get-estimate'), denial('fare.estimate')] });
  expect(refusals(before, after).map(({ operation, isNew }) => [operation, isNew])).toEqual([
    ['fare.estimate', false],
    ['fare.get-estimate', true],
  ]);
});
