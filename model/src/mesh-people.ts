import { z } from 'zod';
import { parseYamlFile } from './yaml-file.js';

/** Those who may push something, and whom to ask about it. */
export interface Group {
  /** Names and addresses, in lower case. */
  readonly people: ReadonlySet<string>;
  readonly contact: string;
}

/** Who may push what, as one `mesh.yaml` says. */
export interface MeshPeople {
  readonly platform: Group;
  /** Every team, also one without people. */
  readonly teams: ReadonlyMap<string, Group>;
}

const People = z.array(z.string()).default([]);
const Contact = z.string().default('');

/** Only what is asked here, so that people are known also of a `mesh.yaml` with problems elsewhere. */
const PeopleFile = z.looseObject({
  contact: Contact,
  platform: z.looseObject({ people: People }).default({ people: [] }),
  teams: z.array(z.looseObject({ name: z.string(), contact: Contact, people: People })).default([]),
});

/**
 * Reads the people out of a `mesh.yaml`.
 * @throws MeshError when it says nothing that can be understood about them
 */
export function readMeshPeople(text: string): MeshPeople {
  const { contact, platform, teams } = parseYamlFile(text, 'mesh.yaml', PeopleFile).value;
  return {
    platform: groupOf(platform.people, contact),
    teams: new Map(teams.map((team) => [team.name, groupOf(team.people, team.contact)])),
  };
}

function groupOf(people: readonly string[], contact: string): Group {
  return { people: new Set(people.map((person) => person.toLowerCase())), contact };
}
