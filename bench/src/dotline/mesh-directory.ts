import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export const trustDomain = 'bench.example';
const otherTeams = 20;
const servicesPerOtherTeam = 4;
/** Callers that wait for a grant; each measured change grants another one. */
const callers = 50;

const two = (number: number) => String(number).padStart(2, '0');
export const callerName = (number: number) => `caller-${two(number % callers)}`;

/** Services of the team whose grants change. */
export function fleetServices(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `fleet-${two(index)}`);
}

/**
 * A mesh: team `fleet` with the services that the sidecars belong to, team `callers` whose services
 * all need them, and other teams whose services call each other.
 */
export async function writeMesh(directory: string, services: readonly string[]): Promise<void> {
  const teams = [
    'fleet',
    'callers',
    ...Array.from({ length: otherTeams }, (_, n) => `team-${two(n)}`),
  ];
  await write(directory, 'mesh.yaml', meshFile(teams));
  for (const name of services) {
    await writeService(directory, 'fleet', name);
  }
  for (let caller = 0; caller < callers; caller++) {
    await writeService(directory, 'callers', callerName(caller));
  }
  await write(directory, 'policies/teams/callers/needs.rego', callersNeed(services));
  await grantTo(directory, services, [callerName(0)]);
  for (let team = 0; team < otherTeams; team++) {
    await writeOtherTeam(directory, team);
  }
}

/** The fleet's rules: these callers may read all of its services. Saved the way editors save. */
export async function grantTo(
  directory: string,
  services: readonly string[],
  granted: readonly string[],
): Promise<void> {
  const path = join(directory, 'policies/teams/fleet/grants.rego');
  const text = `package mesh.teams.fleet

# METADATA
# title: Who may read the fleet
grants contains {"operation": operation, "caller": {"service": caller}} if {
	some operation in ${JSON.stringify(services.map((name) => `${name}.get`))}
	some caller in ${JSON.stringify(granted)}
}
`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}~`, text);
  await rename(`${path}~`, path);
}

function callersNeed(services: readonly string[]): string {
  const names = Array.from({ length: callers }, (_, caller) => callerName(caller));
  return `package mesh.teams.callers

needs contains {"service": caller, "operation": operation} if {
	some caller in ${JSON.stringify(names)}
	some operation in ${JSON.stringify(services.map((name) => `${name}.get`))}
}
`;
}

/** Each service of a team calls the same one of the next team. */
async function writeOtherTeam(directory: string, team: number): Promise<void> {
  const named = (of: number, service: number) => `svc-${two(of % otherTeams)}-${service}`;
  const own = Array.from({ length: servicesPerOtherTeam }, (_, service) => named(team, service));
  for (const name of own) {
    await writeService(directory, `team-${two(team)}`, name);
  }
  const needs = own.map(
    (name, service) =>
      `needs contains {"service": "${name}", "operation": "${named(team + 1, service)}.get"}`,
  );
  const grants = own.map(
    (name) =>
      `grants contains {"operation": "${name}.get", "caller": {"team": "team-${two((team + otherTeams - 1) % otherTeams)}"}}`,
  );
  await write(
    directory,
    `policies/teams/team-${two(team)}/rules.rego`,
    `package mesh.teams.team_${two(team)}\n\n${[...needs, ...grants].join('\n\n')}\n`,
  );
}

async function writeService(directory: string, team: string, name: string): Promise<void> {
  await write(
    directory,
    `services/bench/${name}/service.yaml`,
    `apiVersion: dotline/v1
name: ${name}
team: ${team}
product: bench
tier: standard
language: javascript
description: One of many
command: [node, main.mjs]
operations:
  - { name: get, class: read, method: GET, path: "/v1/things/{id}" }
  - { name: put, class: write, method: PUT, path: "/v1/things/{id}" }
placement: [cell-1]
`,
  );
}

function meshFile(teams: readonly string[]): string {
  const entries = teams.map(
    (name) => `  - { name: ${name}, colour: "#2f7ff0", contact: "#${name}" }`,
  );
  return `apiVersion: dotline/v1
name: bench
trustDomain: ${trustDomain}
contact: "#platform"
regions:
  - name: here
    zones:
      - { name: here-a, cells: [cell-1] }
products: [bench]
teams:
${entries.join('\n')}
`;
}

async function write(directory: string, file: string, text: string): Promise<void> {
  const path = join(directory, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
