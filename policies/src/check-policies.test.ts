import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { checkPolicies, type PolicyReport } from './check-policies.js';
import { writeFiles, writeFolder } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

const HELLO = fileURLToPath(new URL('../../examples/hello/', import.meta.url));
const GUESTS = 'policies/teams/guests/guests.rego';
const GUESTS_TEST = 'policies/teams/guests/guests_test.rego';
const HOSTS = 'policies/teams/hosts/hosts.rego';
const NOW_MS = Date.parse('2026-06-15T12:00:00Z');

const folders: string[] = [];
let cacheDirectory: string;
beforeAll(async () => {
  cacheDirectory = await writeFolder({});
  folders.push(cacheDirectory);
});
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Checks the hello mesh with some files changed or added, and one left out. */
async function check(
  files: Readonly<Record<string, string>>,
  { without, opaPath = process.env.OPA_PATH ?? 'opa' }: { without?: string; opaPath?: string } = {},
): Promise<PolicyReport> {
  const directory = await writeFolder({});
  folders.push(directory);
  for (const part of ['mesh.yaml', 'services', 'policies']) {
    await cp(`${HELLO}${part}`, `${directory}/${part}`, { recursive: true });
  }
  if (without !== undefined) await rm(join(directory, without));
  await writeFiles(directory, files);
  return checkPolicies(directory, { opaPath, cacheDirectory, nowMs: NOW_MS });
}

function linesOf({ remarks }: PolicyReport): string[] {
  return remarks.map(
    ({ file, line, column, severity, check: what, message }) =>
      `${file}:${line}:${column ?? 1} ${severity} ${what}: ${message}`,
  );
}

describe('checking a mesh directory', () => {
  it('finds nothing wrong with good rules, and measures their tests', async () => {
    const report = await check({});
    expect(report.remarks).toEqual([]);
    expect(report).toMatchObject({ errors: 0, warnings: 0 });
    expect(report.testsPassed).toBeGreaterThan(8);
    expect(report.coverage.map(({ team }) => team)).toEqual(['guests', 'hosts', 'platform']);
    for (const { coveredLines, lines, uncovered } of report.coverage) {
      expect(coveredLines).toBe(lines);
      expect(lines).toBeGreaterThan(0);
      expect(uncovered).toEqual([]);
    }
  });

  it('names file, line and column of what does not parse, once', async () => {
    const report = await check({
      [GUESTS]: 'package mesh.teams.guests\n\nneeds contains } if true\n',
    });
    expect(linesOf(report)).toEqual([
      `${GUESTS}:3:16 error mesh: unexpected } token`,
      `${GUESTS}:3:16 error mesh: unexpected } token: expected rule key term (e.g., needs contains <VALUE> { ... })`,
    ]);
    expect(report.errors).toBe(2);
  });

  it('names what does not pass opa check --strict, with the way out', async () => {
    const report = await check({
      'policies/teams/guests/clock.rego':
        'package mesh.teams.guests\n\nlate if time.now_ns() > 0\n',
    });
    expect(report.remarks).toEqual([
      {
        file: 'policies/teams/guests/clock.rego',
        line: 3,
        column: 9,
        severity: 'error',
        check: 'mesh',
        message: 'undefined function time.now_ns',
        hint: expect.stringContaining('deterministic builtins'),
      },
    ]);
  });

  it("names unknown operations and other teams' services", async () => {
    const report = await check({
      'policies/teams/guests/more.rego': `package mesh.teams.guests

needs contains {"service": "visitor", "operation": "greeter.gret"}
needs contains {"service": "greeter", "operation": "greeter.greet"}
`,
    });
    const more = 'policies/teams/guests/more.rego';
    expect(linesOf(report)).toEqual([
      `${GUESTS_TEST}:5:1 error test: test_visitor_needs_only_a_greeting fails`,
      `${more}:3:1 error mesh: unknown operation greeter.gret`,
      `${more}:4:1 error mesh: greeter belongs to team hosts; team guests cannot speak for it`,
    ]);
    expect(report.remarks[1]?.hint).toBe('did you mean greeter.greet?');
  });

  it('names what is wrong in mesh.yaml', async () => {
    const report = await check({ 'mesh.yaml': 'apiVersion: dotline/v1\nname: 5\n' });
    expect(report.errors).toBeGreaterThan(0);
    expect(report.remarks[0]).toMatchObject({ file: 'mesh.yaml', severity: 'error' });
    expect(report.coverage).toEqual([]);
  });

  it('warns of needs that nobody grants and grants that nobody needs', async () => {
    const ungranted = await check({ [HOSTS]: 'package mesh.teams.hosts\n' });
    expect(linesOf(ungranted)).toContain(
      `${GUESTS}:5:1 warning ungranted-need: visitor needs greeter.greet, which nobody grants`,
    );
    const unused = await check({ [GUESTS]: 'package mesh.teams.guests\n' });
    expect(linesOf(unused)).toContain(
      `${HOSTS}:5:1 warning unused-grant: greeter.greet is granted to team guests, where nobody needs it`,
    );
  });

  it('refuses expired rules, warns of those that end soon and of those without a title', async () => {
    const rule = (expires: string) => `package mesh.teams.guests

# METADATA
# custom:
#   ticket: HELLO-1
#   expires: ${expires}
needs contains {"service": "visitor", "operation": "greeter.greet"}
`;
    expect(linesOf(await check({ [GUESTS]: rule('2026-06-14') }))).toEqual([
      `${GUESTS}:7:1 error mesh: a rule of guests expired: its last day was 2026-06-14`,
    ]);
    const soon = await check({ [GUESTS]: rule('2026-06-20') });
    expect(linesOf(soon)).toEqual([
      `${GUESTS}:7:1 warning expiry: a rule of guests expires soon: its last day is 2026-06-20`,
      `${GUESTS}:7:1 warning title: the rule has no title`,
    ]);
    expect(soon).toMatchObject({ errors: 0, warnings: 2 });
    expect(soon.remarks[0]?.hint).toContain('HELLO-1');
  });

  it('names failing tests, and tests that cannot run', async () => {
    const failing = await check({
      [GUESTS_TEST]: `package mesh.teams.guests_test

import data.mesh.teams.guests

test_guests_need_nothing if count(guests.needs) == 0
`,
    });
    expect(linesOf(failing)).toEqual([
      `${GUESTS_TEST}:5:1 error test: test_guests_need_nothing fails`,
    ]);
    const broken = await check({
      [GUESTS_TEST]: 'package mesh.teams.guests_test\n\ntest_it if nothing(1)\n',
    });
    expect(linesOf(broken)).toEqual([
      expect.stringMatching(/guests_test\.rego:3:\d+ error test: undefined function nothing/),
    ]);
  });

  it('warns of rules without a test, and of tests that leave too much out', async () => {
    const more = 'policies/teams/guests/more.rego';
    const untested = await check({}, { without: GUESTS_TEST });
    expect(linesOf(untested)).toEqual([
      `${GUESTS}:1:1 warning coverage: the rules of guests have no test`,
    ]);
    expect(untested.coverage.map(({ team }) => team)).toEqual(['hosts', 'platform']);
    const low = await check({
      [more]: `package mesh.teams.guests

chosen contains name if {
	some name, service in data.catalog.services
	service.tier == "critical"
	service.team == "hosts"
	name != "greeter"
}
`,
    });
    expect(low.remarks).toEqual([
      expect.objectContaining({
        ...{ file: more, line: 3, severity: 'warning', check: 'coverage' },
        message: expect.stringMatching(
          /^tests of guests evaluate \d+ % of its rules' lines, less than 80 %$/,
        ),
        hint: expect.stringContaining(`${more}:3`),
      }),
    ]);
    const guests = low.coverage.find(({ team }) => team === 'guests');
    expect(guests?.uncovered.map(({ line }) => line)).toEqual([3, 5, 6, 7]);
  });

  it('says when there is no OPA', async () => {
    await expect(check({}, { opaPath: '/nowhere/opa' })).rejects.toMatchObject({ code: 'missing' });
  });
});
