import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CompileFixture } from './compile-fixture.js';
import { describeFinding } from './finding.js';
import { meshOf, type ServiceSketch } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

const SHIPPED = '@dotline/policies/platform/guardrails.rego';

/** A caller of each kind, and what it calls; team `north` calls, team `south` is called. */
const MESH: readonly ServiceSketch[] = [
  { name: 'shop', team: 'north', tier: 'critical' },
  { name: 'router', team: 'north', tier: 'critical', router: true, placement: ['cell-2'] },
  { name: 'trial', team: 'north', stage: 'development' },
  {
    name: 'people',
    team: 'south',
    tier: 'critical',
    operations: { phone: 'pii', look: 'read' },
    purposes: { phone: ['delivery', 'support'] },
  },
  { name: 'hints', team: 'south', operations: { list: 'read' } },
  {
    name: 'far',
    team: 'south',
    tier: 'critical',
    operations: { get: 'read' },
    placement: ['cell-2', 'cell-3'],
  },
];
const OPERATIONS = ['people.phone', 'people.look', 'hints.list', 'far.get'];
const CALLERS = ['shop', 'router', 'trial'];

async function compiled(needs: readonly string[]) {
  const grants = CALLERS.flatMap((caller) =>
    OPERATIONS.map(
      (operation) =>
        `grants contains {"operation": "${operation}", "caller": {"service": "${caller}"}}`,
    ),
  );
  const folder = await fixture.folder({
    'policies/teams/north/needs.rego': `package mesh.teams.north\n\n${needs.map((need) => `needs contains {${need}}`).join('\n\n')}\n`,
    'policies/teams/south/grants.rego': `package mesh.teams.south\n\n${grants.join('\n\n')}\n`,
  });
  const mesh = meshOf(folder, MESH);
  const { edges, refused, findings } = await fixture.compiler.compile(mesh);
  return {
    edges: edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation, purposes = [] }) => [caller, operation, ...purposes].join(' ')),
    ),
    titles: refused.map(({ guardrail }) => guardrail.title),
    refusals: findings
      .filter(({ kind }) => kind === 'guardrail-refused')
      .map((finding) => describeFinding(mesh, finding)),
  };
}

const need = (service: string, operation: string, more = '') =>
  `"service": "${service}", "operation": "${operation}"${more}`;

describe('shipped guardrails', () => {
  it('leave edges that break no rule, with their purposes', async () => {
    const { edges, refusals } = await compiled([
      need('shop', 'people.look'),
      need('shop', 'people.phone', ', "purpose": "delivery"'),
      need('shop', 'people.phone', ', "purpose": "support"'),
      need('shop', 'hints.list', ', "optional": true'),
      need('router', 'far.get'),
      need('router', 'people.look'),
    ]);
    expect(edges).toEqual([
      'router far.get',
      'router people.look',
      'shop hints.list',
      'shop people.look',
      'shop people.phone delivery support',
    ]);
    expect(refusals).toEqual([]);
  });

  it.each([
    [
      'a cell that is not shared',
      need('shop', 'far.get'),
      'shop may not use far.get: shop runs in cell-1 and far in cell-2, cell-3, and neither is a router',
    ],
    [
      'a purpose that is not declared',
      need('shop', 'people.phone', ', "purpose": "advertising"'),
      'shop may not use people.phone: people.phone is personal data, and shop may not have it for advertising; it may be used for delivery, support',
    ],
    [
      'no purpose',
      need('shop', 'people.phone'),
      'shop may not use people.phone: people.phone is personal data, and shop states no purpose; it may be used for delivery, support',
    ],
    [
      'a lower tier',
      need('shop', 'hints.list'),
      'shop may not use hints.list: shop is critical and may not depend on hints.list of hints, which is standard; if it works on without it, its need says "optional": true',
    ],
    [
      'another stage',
      need('trial', 'people.look'),
      'trial may not use people.look: trial is in development and people in production',
    ],
  ])('refuse %s, and say so at the need', async (_what, refused, message) => {
    const { edges, refusals, titles } = await compiled([need('shop', 'people.look'), refused]);
    expect(edges).toEqual(['shop people.look']);
    expect(titles).toEqual([expect.any(String)]);
    expect(refusals).toEqual([
      {
        file: 'policies/teams/north/needs.rego',
        line: 5,
        message,
        hint: expect.stringMatching(`^guardrail ${SHIPPED}:[0-9]+$`),
      },
    ]);
  });

  it('refuse a purpose on its own: another of the same caller stays', async () => {
    const { edges, refusals } = await compiled([
      need('shop', 'people.phone', ', "purpose": "delivery"'),
      need('shop', 'people.phone', ', "purpose": "advertising"'),
    ]);
    expect(edges).toEqual(['shop people.phone delivery']);
    expect(refusals.map(({ line }) => line)).toEqual([5]);
  });
});
