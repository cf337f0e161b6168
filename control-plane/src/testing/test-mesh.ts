import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A mesh directory in a temporary folder, edited the way people and editors do. */
export class TestMesh {
  private constructor(readonly directory: string) {}

  /** Two teams, `hosts` with service `greeter` and `guests` with service `visitor`; no edge. */
  static async create(): Promise<TestMesh> {
    const mesh = new TestMesh(await mkdtemp(join(tmpdir(), 'dotline-mesh-')));
    await mesh.write('mesh.yaml', MESH);
    await mesh.write('services/hello/greeter/service.yaml', GREETER);
    await mesh.write('services/hello/visitor/service.yaml', VISITOR);
    await mesh.write('policies/teams/hosts/hosts.rego', HOSTS_GRANT);
    await mesh.write('policies/teams/guests/guests.rego', 'package mesh.teams.guests\n');
    return mesh;
  }

  /** Writes into the file itself. */
  async write(file: string, content: string): Promise<void> {
    const path = join(this.directory, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  /** Writes a new file and renames it over the old one, as most editors do. */
  async save(file: string, content: string): Promise<void> {
    const path = join(this.directory, file);
    await writeFile(`${path}.new~`, content);
    await rename(`${path}.new~`, path);
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The guests' rules with the need that makes the edge `visitor->greeter`; it stands on line 3. */
export const GUESTS_NEED = `package mesh.teams.guests

needs contains {"service": "visitor", "operation": "greeter.greet"}
`;

/** The guests' rules without a need. */
export const GUESTS_NOTHING = 'package mesh.teams.guests\n';

const HOSTS_GRANT = `package mesh.teams.hosts

grants contains {"operation": "greeter.greet", "caller": {"team": "guests"}}
`;

const MESH = `apiVersion: dotline/v1
name: hello
trustDomain: hello.example
contact: platform@hello.example
regions:
  - name: here
    zones:
      - name: here-a
        cells: [cell-1]
teams:
  - { name: hosts, colour: "#2563eb", contact: hosts@hello.example }
  - { name: guests, colour: "#ea580c", contact: guests@hello.example }
products: [hello]
`;

/** The greeter with a path of its own for `greet`. */
export function greeterWith(path: string): string {
  return GREETER.replace('/v1/greetings/{name}', path);
}

const GREETER = `apiVersion: dotline/v1
name: greeter
team: hosts
product: hello
tier: standard
language: javascript
description: Greets whoever asks
command: [node, greeter.mjs]
operations:
  - { name: greet, class: read, method: GET, path: "/v1/greetings/{name}" }
placement: [cell-1]
`;

const VISITOR = `apiVersion: dotline/v1
name: visitor
team: guests
product: hello
tier: standard
language: javascript
description: Asks for a greeting
command: [node, visitor.mjs]
placement: [cell-1]
`;
