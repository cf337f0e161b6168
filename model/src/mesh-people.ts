import { MeshFile } from './mesh-schema.js';
import { parseYamlFile } from './yaml-file.js';

/** Who may push what, as one `mesh.yaml` says. Names and addresses are in lower case. */
export interface MeshPeople {
  readonly platform: ReadonlySet<string>;
  /** Of every team, also of one without people. */
  readonly teams: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Reads the people out of a `mesh.yaml`.
 * @throws MeshError with every problem of the file
 */
export function readMeshPeople(text: string): MeshPeople {
  const { platform, teams } = parseYamlFile(text, 'mesh.yaml', MeshFile).value;
  return {
    platform: lowerCase(platform.people),
    teams: new Map(teams.map(({ name, people }) => [name, lowerCase(people)])),
  };
}

function lowerCase(people: readonly string[]): ReadonlySet<string> {
  return new Set(people.map((person) => person.toLowerCase()));
}
