import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadMesh } from '@dotline/model/load-mesh';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { BranchError } from './branch-error.js';
import { CompileFixture } from './compile-fixture.js';
import type { PolicyState } from './policy-diff.js';
import { commitOnBranch } from './prune-branch.js';
import { prunePlan } from './prune-plan.js';
import { type PruneResult, prunePolicies } from './prune-policies.js';
import { findUnused, type UnusedReport } from './unused-edges.js';

jest.setTimeout(60_000);

const NOW_MS = Date.parse('2026-11-24T10:30:00Z');
const DAY_MS = 86_400_000;
const GUESTS = 'policies/teams/guests/guests.rego';
const HOSTS = 'policies/teams/hosts/hosts.rego';

const FILES: Readonly<Record<string, string>> = {
  'mesh.yaml': `apiVersion: dotline/v1
name: hello
trustDomain: hello.example
contact: platform@hello.example
regions:
  - name: home
    zones:
      - name: home-1
        cells: [home-1a]
teams:
  - { name: guests, colour: "#336699", contact: guests@hello.example }
  - { name: hosts, colour: "#993366", contact: hosts@hello.example }
products: [hello]
`,
  'services/hello/visitor/service.yaml': serviceFile('visitor', 'guests', []),
  'services/hello/greeter/service.yaml': serviceFile('greeter', 'hosts', [
    'greet',
    'rename',
    'wave',
    'bow',
    'nod',
  ]),
  [GUESTS]: `package mesh.teams.guests

# METADATA
# title: Visitors like to be greeted
needs contains {"service": "visitor", "operation": "greeter.greet"}

# Once there were names.
# METADATA
# title: Visitors rename the house
needs contains {"service": "visitor", "operation": "greeter.rename"}

# METADATA
# title: Other courtesies
needs contains {"service": "visitor", "operation": operation} if {
	some operation in ["greeter.wave", "greeter.bow"]
}

# METADATA
# title: Everything that is read
needs contains {"service": "visitor", "operation": operation.id} if {
	some operation in data.catalog.services.greeter.operations
	operation.id in {"greeter.nod", "greeter.greet"}
	startswith(operation.id, "greeter.n")
}
`,
  [HOSTS]: `package mesh.teams.hosts

# METADATA
# title: Every guest may be greeted
grants contains {"operation": operation, "caller": {"team": "guests"}} if {
	some operation in [
		"greeter.greet",
		"greeter.rename",
		"greeter.wave",
		"greeter.bow",
	]
}

grants contains {"operation": concat(".", ["greeter", name]), "caller": {"team": "guests"}} if {
	some name in ["nod", "wave"]
}
`,
  'policies/teams/guests/guests_test.rego': `package mesh.teams.guests_test

import data.mesh.teams.guests

test_visitors_rename_the_house if {
	{"service": "visitor", "operation": "greeter.rename"} in guests.needs
}

test_visitors_are_greeted if {
	{"service": "visitor", "operation": "greeter.greet"} in guests.needs
}
`,
};

function serviceFile(name: string, team: string, operations: readonly string[]): string {
  const listed = operations.map(
    (operation) => `\n  - { name: ${operation}, class: read, method: GET, path: /${operation} }`,
  );
  return `apiVersion: dotline/v1
name: ${name}
team: ${team}
product: hello
tier: standard
language: javascript
description: Says hello
command: [node, main.js]
operations:${listed.length === 0 ? ' []' : listed.join('')}
datastore: none
placement: [home-1a]
`;
}

let fixture: CompileFixture;

beforeAll(async () => {
  fixture = await CompileFixture.create();
});

afterAll(() => fixture?.remove());

/** Prunes a copy of the mesh in which the visitor used only these operations. */
async function prune(
  used: readonly string[],
  { files = FILES, team }: { files?: Readonly<Record<string, string>>; team?: string } = {},
): Promise<{
  pruned: PruneResult;
  report: UnusedReport;
  before: PolicyState;
  after: PolicyState;
}> {
  const directory = await fixture.folder(files);
  const before = await compiled(directory);
  const times = { fromMs: NOW_MS - 30 * DAY_MS, untilMs: NOW_MS, historySinceMs: 0 };
  const operations = used.map((operation) => {
    const names = { caller: 'visitor', callee: 'greeter', operation };
    return { ...names, requests: 1, lastSeenMs: NOW_MS };
  });
  const ages = {
    edges: new Map([['visitor->greeter', { addedMs: 0, formMs: 0 }]]),
    commitsMs: new Map(),
  };
  const report = findUnused(before, { ...times, hoursRecorded: 720, operations }, ages, team);
  const { opaPath, compiler } = fixture;
  const how = { opaPath, compiler, ...(team === undefined ? {} : { team }) };
  const pruned = await prunePolicies(directory, before, report, how);
  return { pruned, report, before, after: await compiled(directory) };
}

async function compiled(directory: string): Promise<PolicyState> {
  const mesh = await loadMesh(directory);
  const { edges, needs, grants, baseline, refused } = await fixture.compiler.compile(mesh);
  return { mesh, edges, relations: { needs, grants, baseline, refused } };
}

function operationsOf({ edges }: PolicyState): string[] {
  return edges.flatMap(({ operations }) => operations.map(({ operation }) => operation));
}

describe('rules without use', () => {
  it('go whole, or lose an element of a list; what is used stays, and failing tests are told', async () => {
    const { pruned, before, report, after } = await prune(['greeter.greet', 'greeter.wave']);
    expect(pruned.refusedBecause).toEqual([]);
    expect(operationsOf(after)).toEqual(['greeter.greet', 'greeter.wave']);
    expect(pruned.operationsRemoved).toEqual([
      'visitor → greeter.bow',
      'visitor → greeter.nod',
      'visitor → greeter.rename',
    ]);
    expect(pruned.rules.map(({ file, title }) => [file, title])).toEqual([
      [GUESTS, 'Visitors rename the house'],
      [GUESTS, 'Everything that is read'],
    ]);
    expect(pruned.shortened.map(({ file, elements }) => [file, elements])).toEqual([
      [GUESTS, ['greeter.bow']],
      [HOSTS, ['greeter.bow', 'greeter.rename']],
    ]);
    // What it states is put together, so nothing in it can be removed for certain.
    expect(pruned.byHand).toMatchObject([
      {
        file: HOSTS,
        line: 14,
        unused: ['greeter.nod is granted to team guests'],
        used: ['greeter.wave is granted to team guests'],
      },
    ]);
    expect(pruned.files.get(GUESTS)).toBe(`package mesh.teams.guests

# METADATA
# title: Visitors like to be greeted
needs contains {"service": "visitor", "operation": "greeter.greet"}

# METADATA
# title: Other courtesies
needs contains {"service": "visitor", "operation": operation} if {
	some operation in ["greeter.wave"]
}
`);
    expect(pruned.files.get(HOSTS)).toContain(
      'in [\n\t\t"greeter.greet",\n\t\t"greeter.wave",\n\t]\n',
    );
    expect(pruned.failingTests.map(({ name }) => name)).toEqual(['test_visitors_rename_the_house']);
    const ofHosts = prunePlan(before, report, 'hosts').rules;
    expect(ofHosts.map(({ file, line }) => [file, line])).toEqual([
      [HOSTS, 5],
      [HOSTS, 14],
    ]);
  });

  it('stay where a removal would break what is left, with the reason', async () => {
    const files = {
      ...FILES,
      [GUESTS]: `package mesh.teams.guests

import data.catalog.services

needs contains {"service": "visitor", "operation": "greeter.greet"}

needs contains {"service": "visitor", "operation": services.greeter.operations[_].id}
`,
    };
    const { pruned } = await prune(['greeter.greet'], { files, team: 'guests' });
    expect(pruned.files.size).toBe(0);
    expect(pruned.byHand).toHaveLength(1);
    const renamed = {
      ...files,
      [GUESTS]: files[GUESTS].replace('operations[_].id', 'operations[0].id'),
    };
    const broken = await prune(['greeter.greet'], { files: renamed, team: 'guests' });
    expect(broken.pruned.files.size).toBe(0);
    expect(broken.pruned.refusedBecause[0]).toMatch(/guests\.rego:3: import .* unused/);
  });
});

describe('a branch', () => {
  it('gets one commit, and the checkout with its changes stays as it is', async () => {
    const repository = await fixture.folder({ 'meshes/one/a b.rego': 'a\n', other: 'x\n' });
    const directory = join(repository, 'meshes/one');
    const git = async (...args: readonly string[]) => {
      const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
      return (await execa('git', ['-C', repository, ...author, ...args])).stdout;
    };
    await git('init', '-q', '-b', 'main');
    await git('config', 'user.name', 'A');
    await git('config', 'user.email', 'a@example.com');
    await git('add', '.');
    await git('commit', '-q', '-m', 'first');
    await execa('sh', ['-c', 'echo dirty > other; echo new > untracked'], { cwd: repository });
    const [base, status] = [await git('rev-parse', 'HEAD'), await git('status', '--porcelain')];
    const files = new Map([['a b.rego', 'b\n']]);
    const wish = { branch: 'pruned', base, message: 'Less\n\nMuch less\n', files };
    const commit = await commitOnBranch(directory, wish);
    expect(await git('show', `${commit}:meshes/one/a b.rego`)).toBe('b');
    expect(await git('log', '--format=%P %s', 'pruned', '-1')).toBe(`${base} Less`);
    expect(await git('diff', '--name-only', 'main', 'pruned')).toBe('meshes/one/a b.rego');
    expect(await git('status', '--porcelain')).toBe(status);
    expect(await git('branch', '--show-current')).toBe('main');
    expect(await readFile(join(directory, 'a b.rego'), 'utf8')).toBe('a\n');
    await expect(commitOnBranch(directory, wish)).rejects.toThrow(BranchError);
    await expect(commitOnBranch(directory, { ...wish, branch: '-x' })).rejects.toThrow(
      '-x is no name of a branch',
    );
  });
});
