import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CompileFixture } from './compile-fixture.js';
import { meshOf, POLICIES } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

const RULES = 'policies/teams/rides/more.rego';
const NOW_MS = Date.parse('2026-06-15T12:00:00Z');

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

async function witnessesOf(files: Readonly<Record<string, string>>) {
  const directory = await fixture.folder({ ...POLICIES, ...files });
  const { needs, rules, nextExpiryMs } = await fixture.compiler.compile(meshOf(directory), NOW_MS);
  const stated = needs.filter(({ operation }) => operation === 'fare.get-estimate');
  return { witnesses: stated.map(({ witness }) => witness), rules, nextExpiryMs };
}

const need = (service: string) =>
  `needs contains {"service": "${service}", "operation": "fare.get-estimate"}\n`;

describe("a rule's annotations", () => {
  it('travel with what it states', async () => {
    const { witnesses, nextExpiryMs } = await witnessesOf({
      [RULES]: `package mesh.teams.rides

# METADATA
# title: A trial of live prices
# custom:
#   owner: Ada
#   ticket: RIDES-12
#   expires: 2026-06-30
${need('orders')}`,
    });
    expect(witnesses).toEqual([
      {
        team: 'rides',
        file: RULES,
        line: 9,
        title: 'A trial of live prices',
        owner: 'Ada',
        ticket: 'RIDES-12',
        expires: '2026-06-30',
      },
    ]);
    expect(new Date(nextExpiryMs ?? 0).toISOString()).toBe('2026-07-01T00:00:00.000Z');
  });

  it('travel with the proof of an edge', async () => {
    const compiled = await fixture.compile({
      [RULES]: `package mesh.teams.rides

# METADATA
# title: A trial of live prices
# custom: { ticket: 12, expires: "2999-12-31" }
${need('orders')}`,
      'policies/teams/pricing/more.rego': `package mesh.teams.pricing

grants contains {"operation": "fare.get-estimate", "caller": {"service": "orders"}}
`,
    });
    const agreed = compiled.edges
      .flatMap(({ operations }) => operations)
      .find(({ operation }) => operation === 'fare.get-estimate');
    expect(agreed?.need).toMatchObject({ ticket: '12', expires: '2999-12-31' });
    expect(Object.keys(agreed?.grant ?? {})).toEqual(['team', 'file', 'line']);
  });

  it('are those of the nearest scope, from whatever file', async () => {
    const { witnesses } = await witnessesOf({
      'policies/teams/rides/about.rego': `# METADATA
# title: Everything of rides
# scope: package
# custom:
#   owner: "#rides"
#   ticket: RIDES-1
#   expires: 2027-01-01
package mesh.teams.rides

# METADATA
# title: What rides needs
# scope: document
# custom:
#   ticket: RIDES-2
${need('orders')}`,
      [RULES]: `package mesh.teams.rides

# METADATA
# custom:
#   expires: 2026-12-01
${need('rider-app')}`,
    });
    const more = { owner: '#rides', ticket: 'RIDES-2', title: 'What rides needs' };
    expect(witnesses).toEqual([
      expect.objectContaining({
        ...more,
        file: 'policies/teams/rides/about.rego',
        expires: '2027-01-01',
      }),
      expect.objectContaining({ ...more, file: RULES, expires: '2026-12-01' }),
    ]);
  });

  it('are known of a rule that states nothing at present', async () => {
    const { rules, nextExpiryMs } = await witnessesOf({
      [RULES]: `package mesh.teams.rides

# METADATA
# custom:
#   expires: 2026-06-15
needs contains {"service": "orders", "operation": operation} if {
	some operation in data.catalog.services.promotions.operations
	operation == "none"
}
`,
    });
    expect(rules.find(({ file }) => file === RULES)).toMatchObject({ expires: '2026-06-15' });
    expect(nextExpiryMs).toBe(Date.parse('2026-06-16T00:00:00Z'));
  });
});

describe('a rule past its last day', () => {
  const ended = `package mesh.teams.rides

# METADATA
# title: A trial of live prices
# custom:
#   ticket: RIDES-12
#   expires: 2026-06-14
${need('orders')}`;

  it('is refused by name, with file, line and the way out', async () => {
    await expect(witnessesOf({ [RULES]: ended })).rejects.toMatchObject({
      problems: [
        {
          file: RULES,
          line: 8,
          message: '"A trial of live prices" expired: its last day was 2026-06-14',
          hint: 'remove it, or set another custom.expires; see RIDES-12',
        },
      ],
    });
  });

  it('held until that day was over, also for a compiler that has it in its cache', async () => {
    const mesh = meshOf(await fixture.folder({ ...POLICIES, [RULES]: ended }));
    const endMs = Date.parse('2026-06-15T00:00:00Z');
    const compiled = await fixture.compiler.compile(mesh, endMs - 1);
    expect(compiled.nextExpiryMs).toBe(endMs);
    await expect(fixture.compiler.compile(mesh, endMs)).rejects.toMatchObject({
      problems: [{ file: RULES, line: 8 }],
    });
    expect(await fixture.compiler.compile(mesh, endMs - 1)).toEqual(compiled);
  });

  it('may be a guardrail', async () => {
    const file = 'policies/platform/trial.rego';
    const rego = `package mesh.platform.guardrails

# METADATA
# title: A trial
# custom: { expires: 2026-06-01 }
deny contains {"caller": candidate.caller, "operation": candidate.operation, "reason": "no"} if {
	some candidate in input.candidates
	candidate.callee == "promotions"
}
`;
    await expect(witnessesOf({ [file]: rego })).rejects.toMatchObject({
      problems: [{ file, line: 6, message: '"A trial" expired: its last day was 2026-06-01' }],
    });
  });
});

describe('an annotation that cannot be meant as it stands', () => {
  const cases: [what: string, block: string, line: number, message: string][] = [
    ['no date', '# custom:\n#   expires: soon', 5, 'custom.expires is soon, which is not a date'],
    [
      'no day of the calendar',
      '# custom:\n#   expires: "2026-02-30"',
      5,
      'custom.expires is 2026-02-30, which is not a date',
    ],
    [
      'an hour',
      '# custom:\n#   expires: 2026-12-31T10:00:00Z',
      5,
      'custom.expires is 2026-12-31T10:00:00Z, which is not a date',
    ],
    ['a list', '# custom:\n#   ticket: [1, 2]', 5, 'custom.ticket is not a text'],
    [
      'a date that OPA ignores',
      '# title: Why\n# expires: 2026-12-31',
      5,
      'expires stands outside of custom, where OPA ignores it',
    ],
  ];

  it.each(cases)('is a problem: %s', async (_what, block, line, message) => {
    const rego = `package mesh.teams.rides\n\n# METADATA\n${block}\n${need('orders')}`;
    await expect(witnessesOf({ [RULES]: rego })).rejects.toMatchObject({
      problems: [{ file: RULES, line, message }],
    });
  });

  it('is a problem: the end of a rule that states nothing itself', async () => {
    const rego = `package mesh.teams.rides

# METADATA
# custom:
#   expires: 2026-12-31
trial := {"orders"}
`;
    await expect(witnessesOf({ [RULES]: rego })).rejects.toMatchObject({
      problems: [
        {
          line: 3,
          message: 'trial cannot expire',
          hint: 'set custom.expires above the rules of needs and grants and request_rules that use it',
        },
      ],
    });
  });

  it('is none: a word in a description', async () => {
    const { witnesses } = await witnessesOf({
      [RULES]: `package mesh.teams.rides

# METADATA
# title: Why
# description: |
#   owner: nobody, since it
#   expires: never
${need('orders')}`,
    });
    expect(witnesses).toEqual([{ team: 'rides', file: RULES, line: 8, title: 'Why' }]);
  });
});
