import { formatProblem } from '@dotline/model/mesh-error';
import { readMeshPeople } from '@dotline/model/mesh-people';
import { describe, expect, it } from '@jest/globals';
import { namesPeople, type OwnedChange, ownershipProblems, teamsOf } from './ownership.js';

const MESH = `
contact: "#platform"
platform: {people: [pete]}
teams:
  - {name: rides, contact: "#rides", people: [ann, Both@example.com]}
  - {name: pricing, contact: "#pricing", people: [ben, Both@example.com]}
  - {name: maps, contact: "#maps"}
`;
const SERVICES = new Map([
  ['services/uber/orders', 'rides'],
  ['services/uber/fare', 'pricing'],
]);

function problems(
  person: string,
  paths: readonly string[],
  change: Partial<OwnedChange> = {},
): string[] {
  const people = readMeshPeople(MESH);
  const services = { servicesBefore: SERVICES, servicesAfter: SERVICES };
  return ownershipProblems(
    { people, isFirst: false, commit: 'c0ffee', paths, ...services, ...change },
    person,
  ).map(formatProblem);
}

describe('a person may push', () => {
  it.each([
    ['ann', 'policies/teams/rides/rides.rego'],
    ['ann', 'policies/teams/rides/deep/er/rides_test.rego'],
    ['ann', 'slo/objectives/rides/orders.yaml'],
    ['ann', 'services/uber/orders/service.yaml'],
    ['ann', 'services/uber/orders/src/main.ts'],
    ['ANN', 'policies/teams/rides/rides.rego'],
    ['both@example.com', 'policies/teams/pricing/fare.rego'],
    ['pete', 'mesh.yaml'],
    ['pete', 'policies/platform/guardrails.rego'],
    ['nobody', 'README.md'],
    ['nobody', 'services/package.json'],
    ['nobody', 'services/uber/shared.ts'],
    ['nobody', 'policies/src/compile.ts'],
    ['nobody', 'slo/src/main.ts'],
  ])('%s: %s', (person, path) => {
    expect(problems(person, [path])).toEqual([]);
  });
});

describe('a person may not push', () => {
  it.each([
    ['ben', 'policies/teams/rides/rides.rego', 'belongs to team rides'],
    ['pete', 'policies/teams/rides/rides.rego', 'belongs to team rides'],
    ['ben', 'slo/objectives/rides/orders.yaml', 'belongs to team rides'],
    ['ben', 'services/uber/orders/service.yaml', 'belongs to team rides'],
    ['ben', 'services/uber/orders/main.ts', 'belongs to team rides'],
    ['ann', 'mesh.yaml', 'belongs to the platform'],
    ['ann', 'policies/platform/guardrails.rego', 'belongs to the platform'],
    ['ann', 'policies/teams', 'belongs to the platform'],
    ['ann', 'slo', 'belongs to the platform'],
    ['ann', 'slo/objectives', 'belongs to the platform'],
    ['ann', 'services', 'belongs to the platform'],
    ['ann', 'policies/teams/newcomers/a.rego', 'knows no team newcomers'],
    ['ann', 'policies/teams/stray.rego', 'knows no team stray.rego'],
    ['ann', '.dotline/git-hooks/pre-receive', 'keeps its own state in .dotline/'],
    ['pete', '.dotline/state.json', 'keeps its own state in .dotline/'],
  ])('%s: %s', (person, path, reason) => {
    const [problem, ...others] = problems(person, [path]);
    expect(problem).toContain(`${path}:1: `);
    expect(problem).toContain(reason);
    expect(others).toEqual([]);
  });

  it('a service that changes hands, unless of both teams', () => {
    const servicesAfter = new Map([...SERVICES, ['services/uber/orders', 'pricing']]);
    const path = 'services/uber/orders/service.yaml';
    expect(problems('ann', [path], { servicesAfter })).toEqual([
      expect.stringContaining('team pricing'),
    ]);
    expect(problems('ben', [path], { servicesAfter })).toEqual([
      expect.stringContaining('team rides'),
    ]);
    expect(problems('both@example.com', [path], { servicesAfter })).toEqual([]);
  });

  it('a service inside the folder of a service of another team', () => {
    const servicesAfter = new Map([...SERVICES, ['services/uber/orders/mine', 'pricing']]);
    expect(problems('ben', ['services/uber/orders/mine/service.yaml'], { servicesAfter })).toEqual([
      expect.stringContaining('team rides'),
    ]);
  });
});

describe('whoever is refused', () => {
  it('reads one line for each owner, and whom to ask', () => {
    const paths = ['mesh.yaml', 'policies/teams/rides/a.rego', 'policies/teams/rides/b.rego'];
    expect(problems('ben', paths)).toEqual([
      'mesh.yaml:1: belongs to the platform, and ben is not one of its people (ask pete (#platform) to push it)',
      'policies/teams/rides/a.rego:1: belongs to team rides, and ben is not one of its people (and 1 more file) (ask ann or both@example.com (#rides) to push it)',
    ]);
  });

  it('is told when a team has no people yet', () => {
    expect(problems('ann', ['policies/teams/maps/maps.rego'])).toEqual([
      expect.stringContaining('mesh.yaml names nobody of team maps: ask pete (#platform) to add'),
    ]);
  });
});

describe('the first push of a mesh', () => {
  it.each([
    ['pete', []],
    ['ann', [expect.stringContaining("is one of its platform people's, and ann is not")]],
  ])('by %s', (person, expected) => {
    const paths = ['mesh.yaml', 'policies/teams/rides/rides.rego'];
    const servicesBefore = new Map<string, string>();
    expect(problems(person, paths, { isFirst: true, servicesBefore })).toEqual(expected);
  });
});

it('a mesh.yaml without people is known as such', () => {
  expect(namesPeople(readMeshPeople(MESH))).toBe(true);
  expect(namesPeople(readMeshPeople('teams: [{name: maps}]'))).toBe(false);
});

it('a person may be of several teams, and of the platform', () => {
  const people = readMeshPeople(MESH);
  expect(teamsOf(people, 'BOTH@example.com')).toEqual(['rides', 'pricing']);
  expect(teamsOf(people, 'pete')).toEqual(['platform']);
  expect(teamsOf(people, 'nobody')).toEqual([]);
});
