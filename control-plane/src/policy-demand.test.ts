import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { PolicyDemand } from './policy-demand.js';
import { testMesh } from './testing/test-revision.js';

const [ONE, OTHER, STAGED] = ['ab', 'cd', 'ef'].map((digits) => digits.repeat(32)) as [
  string,
  string,
  string,
];

function deciding(hash?: string) {
  const witness = { team: 'team', file: 'a.rego', line: 1 };
  const rules = [{ operation: 'a.read', fail: 'closed', witness }] as const;
  const requestPolicies = hash === undefined ? [] : [{ team: 'team', hash, rules }];
  const content = { mesh: testMesh(['a']), edges: [], requestPolicies, createdAtMs: 1 };
  return makeRevision(content, undefined);
}

const never = new AbortController().signal;
const atOnce = AbortSignal.abort();

describe('what authorizers are to have at hand', () => {
  it('is what goes out, what leaves until it has gone, and what is staged', async () => {
    const demand = new PolicyDemand();
    expect(await demand.next('host', '', atOnce)).toMatchObject({ live: [], staged: [] });
    demand.goingOut(deciding(ONE));
    demand.placed();
    demand.goingOut(deciding(OTHER));
    demand.staged(deciding(STAGED));
    const wanted = await demand.next('host', '', never);
    expect(wanted).toMatchObject({ live: [ONE, OTHER], staged: [STAGED] });
    demand.placed();
    demand.staged(undefined);
    expect(await demand.next('host', wanted.version, never)).toMatchObject({
      live: [OTHER],
      staged: [],
    });
  });

  it('is waited for until each host that asks has it', async () => {
    const demand = new PolicyDemand();
    // Nobody asks: nothing could be waited for.
    demand.goingOut(deciding());
    expect(demand.isMet).toBe(true);
    const { version } = await demand.next('host', '', atOnce);
    const asked = demand.next('host', version, never);
    expect(demand.isMet).toBe(true);
    demand.goingOut(deciding(ONE));
    expect(demand.isMet).toBe(false);
    const wanted = await asked;
    expect(wanted.live).toEqual([ONE]);
    const met = demand.met();
    expect(demand.isMet).toBe(false);
    const gone = new AbortController();
    const next = demand.next('host', wanted.version, gone.signal);
    await met;
    expect(demand.isMet).toBe(true);
    gone.abort();
    expect(await next).toEqual(wanted);
  });
});
