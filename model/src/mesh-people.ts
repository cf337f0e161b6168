import { z } from 'zod';
import { parseYamlFile } from './yaml-file.js';

/** Who may push what, as one `mesh.yaml` says. Names and addresses are in lower case. */
export interface MeshPeople {
  readonly platform: ReadonlySet<string>;
  /** Of every team, also of one without people. */
  readonly teams: ReadonlyMap<string, ReadonlySet<string>>;
}

const People = z.array(z.string()).default([]);

/** Only what is asked here, so that people are known also of a `mesh.yaml` with problems elsewhere. */
const PeopleFile = z.looseObject({
  platform: z.looseObject({ people: People }).default({ people: [] }),
  teams: z.array(z.looseObject({ name: z.string(), people: People })).default([]),
});

/**
 * Reads the people out of a `mesh.yaml`.
 * @throws MeshError when it says nothing that can be understood about them
 */
export function readMeshPeople(text: string): MeshPeople {
  const { platform, teams } = parseYamlFile(text, 'mesh.yaml', PeopleFile).value;
  return {
    platform: lowerCase(platform.people),
    teams: new Map(teams.map(({ name, people }) => [name, lowerCase(people)])),
  };
}

function lowerCase(people: readonly string[]): ReadonlySet<string> {
  return new Set(people.map((person) => person.toLowerCase()));
}
