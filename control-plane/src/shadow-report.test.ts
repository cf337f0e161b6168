import type { RequestPolicy } from '@dotline/model/request-policy';
import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import { ShadowError } from './shadow-error.js';
import { shadowProgress } from './shadow-progress.js';
import { shadowReport } from './shadow-report.js';
import { shadowRequest, stagedRevision } from './shadow-request.js';
import type { Sidecar } from './sidecar-store.js';
import { testEdge, testInstance, testMesh } from './testing/test-revision.js';

const mesh = testMesh(['a', 'b', 'c']);
const relations = { needs: [], grants: [], baseline: [], refused: [] };
const live = makeRevision(
  { mesh, edges: [testEdge('a', 'b', ['read', 'write'])], createdAtMs: 1 },
  undefined,
);
const edges = [testEdge('a', 'b', ['read']), testEdge('c', 'b', ['read'])];
const body = { name: 'a branch', mesh, edges, relations };

/** Of a team that decides each request for an operation. */
function policyOf(digit: string, operation: string): RequestPolicy {
  const witness = { team: 'a', file: 'a.rego', line: 7 };
  return { team: 'a', hash: digit.repeat(32), rules: [{ operation, fail: 'closed', witness }] };
}

describe('a revision that is to be staged', () => {
  it('has its own id, and the history of the live one where they agree', () => {
    const staged = stagedRevision(shadowRequest(body), live);
    expect(staged.id).toBe(makeRevision({ mesh, edges, createdAtMs: 2 }, undefined).id);
    expect(staged.edges.map(({ id }) => id)).toEqual(['a->b', 'c->b']);
  });

  it.each([
    [400, 'nothing', undefined],
    [400, 'an edge of nobody', { ...body, edges: [testEdge('nobody', 'b', ['read'])] }],
    [
      400,
      'an operation that nobody offers',
      { ...body, edges: [testEdge('a', 'b', ['fly' as 'read'])] },
    ],
    [400, 'an edge without operations', { ...body, edges: [testEdge('a', 'b', [])] }],
    [
      400,
      'a rule about requests for what nobody offers',
      { ...body, requestPolicies: [policyOf('ab', 'b.fly')] },
    ],
    [400, 'a policy without a hash', { ...body, requestPolicies: [policyOf('', 'b.read')] }],
    [409, 'another mesh', { ...body, mesh: { ...mesh, name: 'another' } }],
    [409, 'another trust domain', { ...body, mesh: { ...mesh, trustDomain: 'else.example' } }],
  ])('is refused with %d when it is %s', (status, _what, wrong) => {
    const stage = () => stagedRevision(shadowRequest(wrong), live);
    expect(stage).toThrow(ShadowError);
    expect(stage).toThrow(expect.objectContaining({ status }));
  });
});

describe('what it would change', () => {
  const staged = stagedRevision(shadowRequest(body), live);
  const [, write] = live.edges[0]?.operations ?? [];

  it('is told for each operation, asked for or not, with the rules of both revisions', () => {
    const report = shadowReport({ revision: live, relations }, { revision: staged, relations }, [
      {
        ...{ caller: 'a', callee: 'b', operation: 'b.read' },
        ...{ requests: 5, wouldBeDenied: 0, wouldBeAllowed: 0, notJudged: 0, lastMs: 8 },
      },
      {
        ...{ caller: 'a', callee: 'b', operation: 'b.write' },
        ...{ requests: 4, wouldBeDenied: 4, wouldBeAllowed: 0, notJudged: 0, lastMs: 9 },
      },
    ]);
    expect(
      report.map(({ live: now, staged: then, ...rest }) => [rest, now.allowed, then.allowed]),
    ).toEqual([
      [
        expect.objectContaining({ operation: 'b.write', wouldBeDenied: 4, lastAtMs: 9 }),
        true,
        false,
      ],
      [expect.objectContaining({ operation: 'b.read', caller: 'a', requests: 5 }), true, true],
      [expect.objectContaining({ caller: 'c', requests: 0, lastAtMs: null }), false, true],
    ]);
    expect(report[0]?.live.need).toEqual(write?.need);
    expect(report[0]?.staged).toMatchObject({ need: null, grant: null, guardrail: null });
  });

  it('is told where rules about single requests differ, with their places', () => {
    const side = (digit: string) => {
      const content = { mesh, edges, requestPolicies: [policyOf(digit, 'b.read')], createdAtMs: 1 };
      return { revision: makeRevision(content, undefined), relations };
    };
    expect(shadowReport(side('ab'), side('ab'), [])).toEqual([]);
    const report = shadowReport(side('ab'), side('cd'), []);
    expect(report.map(({ caller, operation }) => [caller, operation])).toEqual([
      ['a', 'b.read'],
      ['c', 'b.read'],
    ]);
    expect(report[0]).toMatchObject({
      judgesRequests: true,
      live: { allowed: true, requests: { file: 'a.rego', line: 7 } },
    });
    const progress = shadowProgress(
      side('ab').revision,
      { ...side('cd'), name: '', startedAtMs: 0 },
      [testInstance('a', 1), testInstance('b', 2)],
      [],
    );
    expect(progress).toEqual({ judging: 0, concerned: 1, sidecars: 2 });
  });

  it('is judged on sidecars that hold the rules for it since it was staged', () => {
    const instances = [testInstance('a', 1), testInstance('b', 1), testInstance('c', 1)];
    const shadow = { revision: staged, relations, name: '', startedAtMs: 1_000 };
    const holding = (
      instanceId: string,
      typeUrl: string,
      over: Partial<Sidecar['types'][number]> = {},
    ): Sidecar => {
      const [service = ''] = instanceId.split('-');
      const shared = {
        instanceId,
        service,
        connected: true,
        ackedRevision: undefined,
        atMs: 1_500,
      };
      const type = {
        ...{ ...shared, typeUrl, state: 'synced' as const, rejections: [] },
        ...{ sentVersion: 'v', ackedVersion: 'v', sentAtMs: 1_100, ackedAtMs: 1_200 },
        ...over,
      };
      return { ...shared, types: [type] };
    };
    const progress = (sidecars: readonly Sidecar[]) =>
      shadowProgress(live, shadow, [...instances, testInstance('d', 1)], sidecars);
    const a = holding('a-1', TypeUrl.Route);
    const b = holding('b-1', TypeUrl.ExtensionConfig);
    expect(progress([])).toEqual({ judging: 0, concerned: 3, sidecars: 4 });
    expect(progress([a, b]).judging).toBe(2);
    expect(progress([a, b, holding('c-1', TypeUrl.Route, { sentAtMs: 900 })]).judging).toBe(2);
    expect(progress([a, b, holding('c-1', TypeUrl.Route, { state: 'stale' })]).judging).toBe(2);
    expect(progress([a, b, { ...holding('c-1', TypeUrl.Route), connected: false }]).judging).toBe(
      2,
    );
    // It came back with what it held.
    const back = holding('c-1', TypeUrl.Route, { sentAtMs: undefined });
    expect(progress([a, b, back])).toEqual({ judging: 3, concerned: 3, sidecars: 4 });
  });
});
