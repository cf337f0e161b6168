import type { RequestRule } from '@dotline/model/request-policy';
import { makeRevision } from '@dotline/model/revision';
import { MeshIndex } from '@dotline/sidecar-config/mesh-index';
import { expect, it } from '@jest/globals';
import { isRevocation, rolloutSteps, touchedServices } from '../rollout-plan.js';
import { testEdge, testMesh } from '../testing/test-revision.js';
import { previewChange } from './preview-change.js';
import { requestRuleChanges } from './request-rule-changes.js';

const witness = { team: 'hosts', file: 'policies/teams/hosts/requests.rego', line: 3 };

function revisionWith(rules: Readonly<Record<string, RequestRule['fail']>>, hash = 'a'.repeat(64)) {
  const own = Object.entries(rules).map(([operation, fail]) => ({ operation, fail, witness }));
  const requestPolicies = own.length === 0 ? [] : [{ team: 'hosts', hash, rules: own }];
  const content = { mesh: testMesh(['a', 'b', 'c']), edges: [], requestPolicies };
  return makeRevision({ ...content, createdAtMs: 1 }, undefined);
}

const none = revisionWith({});
const one = revisionWith({ 'b.read': 'closed' });

it('names what is decided now, no longer, or with another end', () => {
  const before = revisionWith({ 'b.read': 'closed', 'b.write': 'closed', 'c.read': 'open' });
  const after = revisionWith({ 'a.read': 'open', 'b.write': 'open', 'c.read': 'open' });
  const ends = requestRuleChanges(before, after).map((change) => [
    change.operation,
    change.before?.fail ?? null,
    change.after?.fail ?? null,
  ]);
  expect(ends).toEqual([
    ['a.read', null, 'open'],
    ['b.read', 'closed', null],
    ['b.write', 'closed', 'open'],
  ]);
});

it('makes a preview unknown when requests are to be decided that were not', () => {
  const relations = { needs: [], grants: [], baseline: [], refused: [] };
  const side = (revision: typeof none) => ({ revision, relations });
  const verdict = (before: typeof none, after: typeof none) =>
    previewChange(side(before), side(after), { notSeen: 'no mesh is up' }).verdict;
  expect(verdict(none, one)).toBe('unknown');
  expect(verdict(one, none)).toBe('safe');
});

it('decides requests for what only the old revision has as before, until it is gone', () => {
  const before = revisionWith({ 'b.read': 'closed', 'b.write': 'closed', 'c.read': 'open' });
  const mesh = {
    ...before.mesh,
    services: before.mesh.services
      .filter(({ name }) => name !== 'c')
      .map((service) => ({
        ...service,
        operations: service.operations.map((each) => ({ ...each, path: `/v2${each.path}` })),
      })),
  };
  const requestPolicies = [
    { team: 'hosts', hash: 'c'.repeat(64), rules: before.requestPolicies?.[0]?.rules ?? [] },
  ];
  const edges = [testEdge('a', 'b', ['read'])];
  const after = makeRevision({ mesh, edges, requestPolicies, createdAtMs: 2 }, before);
  const [widen] = rolloutSteps({ ...before, edges }, after, [{ name: 'all' }]);
  const union = widen?.placement.stages[0]?.inbound;
  const index = new MeshIndex(union ?? before);
  const decided = (id: string) => index.decided(id);
  expect(decided('b.read')).toMatchObject({ operation: 'b.read', policy: 'c'.repeat(64) });
  expect(decided(`b.read@${before.id}`)).toMatchObject({
    operation: 'b.read',
    policy: 'a'.repeat(64),
  });
  expect(decided('c.read')).toMatchObject({ operation: 'c.read', fail: 'open' });
});

it('touches the services whose requests are decided, and is not stopped half-way', () => {
  const other = revisionWith({ 'b.read': 'closed' }, 'b'.repeat(64));
  expect(touchedServices(none, one)).toEqual(new Set(['b']));
  expect(touchedServices(one, none)).toEqual(new Set(['b']));
  expect(touchedServices(one, other)).toEqual(new Set(['b']));
  expect(touchedServices(one, one)).toEqual(new Set());
  expect(isRevocation(none, one)).toBe(true);
  expect(isRevocation(one, other)).toBe(true);
  expect(isRevocation(one, none)).toBe(false);
});
