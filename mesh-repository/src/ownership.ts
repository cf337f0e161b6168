import type { Problem } from '@dotline/model/mesh-error';
import type { Group, MeshPeople } from '@dotline/model/mesh-people';
import { ownerOf, type PathOwner } from './path-owner.js';

const PEOPLE_NAMED_MAX = 3;

/** What a push changes, and whose that is. */
export interface OwnedChange {
  /** Who may push what, before the push. */
  readonly people: MeshPeople;
  /** Whether there was nothing before: then it is the people that the push itself names. */
  readonly isFirst: boolean;
  /** Short name of the commit that says so. */
  readonly commit: string;
  /** Changed paths, relative to the mesh directory. */
  readonly paths: readonly string[];
  /** Teams by the folders of their services, before and after. */
  readonly servicesBefore: ReadonlyMap<string, string>;
  readonly servicesAfter: ReadonlyMap<string, string>;
}

/** Whether a `mesh.yaml` says of anybody what he may push. */
export function namesPeople({ platform, teams }: MeshPeople): boolean {
  return platform.people.size > 0 || [...teams.values()].some(({ people }) => people.size > 0);
}

/** The teams that a person is of, as one may tell him. */
export function teamsOf({ platform, teams }: MeshPeople, person: string): string[] {
  const name = person.toLowerCase();
  const own = [...teams].filter(([, { people }]) => people.has(name)).map(([team]) => team);
  return platform.people.has(name) ? ['platform', ...own] : own;
}

/**
 * What a person may not push, one problem for each owner that he is not of. A path has to be his as it was
 * and as it will be: so nobody takes a service, and nobody gives one away.
 */
export function ownershipProblems(change: OwnedChange, person: string): Problem[] {
  if (change.isFirst) return firstPushProblems(change, person);
  const foreign = new Map<string, { owner: PathOwner; paths: string[] }>();
  for (const path of change.paths) {
    for (const owner of ownersOf(path, change)) {
      if (isOf(owner, change.people, person)) continue;
      const key = owner.kind === 'team' ? `team ${owner.team}` : owner.kind;
      const group = foreign.get(key) ?? { owner, paths: [] };
      if (!group.paths.includes(path)) group.paths.push(path);
      foreign.set(key, group);
    }
  }
  return [...foreign.values()].map(({ owner, paths }) => problemOf(owner, paths, change, person));
}

/** Whoever brings the whole mesh has to be of the platform. */
function firstPushProblems({ people: { platform } }: OwnedChange, person: string): Problem[] {
  if (platform.people.has(person.toLowerCase())) return [];
  const message = `the first push of a mesh is one of its platform people's, and ${person} is not one of them`;
  const hint =
    platform.people.size === 0
      ? 'add platform: {people: [...]} to mesh.yaml'
      : `${askFor(platform)} to push it`;
  return [{ file: 'mesh.yaml', line: 1, message, hint }];
}

function ownersOf(path: string, { servicesBefore, servicesAfter }: OwnedChange): PathOwner[] {
  return [ownerOf(path, servicesBefore), ownerOf(path, servicesAfter)];
}

function isOf(owner: PathOwner, { platform, teams }: MeshPeople, person: string): boolean {
  const name = person.toLowerCase();
  switch (owner.kind) {
    case 'everybody':
      return true;
    case 'state':
      return false;
    case 'platform':
      return platform.people.has(name);
    case 'team':
      return teams.get(owner.team)?.people.has(name) === true;
  }
}

function problemOf(
  owner: PathOwner,
  paths: readonly string[],
  { people, commit }: OwnedChange,
  person: string,
): Problem {
  const [file = ''] = paths;
  const rest = paths.length - 1;
  const all = rest === 0 ? '' : ` (and ${rest} more ${rest === 1 ? 'file' : 'files'})`;
  const place = { file, line: 1 };
  if (owner.kind === 'team') {
    const group = people.teams.get(owner.team);
    if (group === undefined) {
      return {
        ...place,
        message: `mesh.yaml at ${commit} knows no team ${owner.team}${all}`,
        hint: `${askFor(people.platform)} to add it, with its people, in a push of its own first`,
      };
    }
    return {
      ...place,
      message: `belongs to team ${owner.team}, and ${person} is not one of its people${all}`,
      hint:
        group.people.size === 0
          ? `mesh.yaml names nobody of team ${owner.team}: ${askFor(people.platform)} to add its people`
          : `${askFor(group)} to push it`,
    };
  }
  if (owner.kind === 'state') {
    return {
      ...place,
      message: `a running mesh keeps its own state in .dotline/${all}`,
      hint: 'take it out of the commit',
    };
  }
  return {
    ...place,
    message: `belongs to the platform, and ${person} is not one of its people${all}`,
    hint:
      people.platform.people.size === 0
        ? `mesh.yaml names no platform people: whoever runs the mesh directory adds them there`
        : `${askFor(people.platform)} to push it`,
  };
}

/** Such as `ask ann, ben or 3 others (#team-rides)`. */
function askFor({ people, contact }: Group): string {
  const named = [...people].slice(0, PEOPLE_NAMED_MAX);
  const others = people.size - named.length;
  const all = others > 0 ? [...named, `${others} others`] : named;
  const last = all.pop();
  const text = all.length === 0 ? last : `${all.join(', ')} or ${last}`;
  if (text === undefined) return `ask ${contact}`;
  return contact === '' ? `ask ${text}` : `ask ${text} (${contact})`;
}
