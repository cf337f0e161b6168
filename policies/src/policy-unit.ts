import { readFileSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { filesBelow } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { didYouMean } from './nearest-name.js';

const FILE_BYTES_MAX = 1_000_000;
/** Files read before others get their turn. */
const READS_AT_ONCE = 32;

/** One Rego file, read once. */
export interface PolicySource {
  /** Relative to the mesh directory; shipped platform files of another folder start with `@dotline/`. */
  readonly file: string;
  /** Absolute path it was read from. */
  readonly path: string;
  readonly text: string;
}

/** A set of relations that a unit must emit under this very name. */
export interface EmittedSet {
  /** Such as `mesh.teams.rides`. */
  readonly package: string;
  /** Such as `needs`. */
  readonly rule: string;
}

/** How a unit decides single requests. */
export interface RequestDecision {
  readonly package: string;
  /** The rule that is true where a request is allowed. */
  readonly rule: string;
  /** The emitted set that says of which operations each request is decided. */
  readonly operations: string;
}

/** The Rego files of one owner; they are checked, compiled and evaluated together and alone. */
export interface PolicyUnit {
  /** Team name, or `platform`. */
  readonly owner: string;
  readonly kind: 'team' | 'platform';
  /** The package that every file belongs to, or to one below it. */
  readonly package: string;
  readonly emits: readonly EmittedSet[];
  /** Only teams decide requests. */
  readonly decides?: RequestDecision;
  /** Rules, sorted by file. */
  readonly sources: readonly PolicySource[];
  /** Files named `*_test.rego`, sorted by file. */
  readonly tests: readonly PolicySource[];
}

const GUARDRAILS: EmittedSet = { package: 'mesh.platform.guardrails', rule: 'deny' };
const REQUEST_RULES = 'request_rules';
const BASELINE: EmittedSet = { package: 'mesh.platform.baseline', rule: 'allow' };

/** Folder of the guardrails and the baseline that this package ships. */
export const shippedPlatformDirectory = fileURLToPath(new URL('../platform/', import.meta.url));

/** The Rego package of a team: dashes are written as underscores. */
export function teamPackage(team: string): string {
  return `mesh.teams.${team.replaceAll('-', '_')}`;
}

/**
 * Reads every team's and the platform's Rego files of a mesh directory.
 * @param shipped folder of the platform files that hold in every mesh
 */
export async function readPolicyUnits(
  mesh: Mesh,
  shipped = shippedPlatformDirectory,
): Promise<{ teams: PolicyUnit[]; platform: PolicyUnit; problems: Problem[] }> {
  const problems: Problem[] = [];
  const [teamSources, platformSources] = await Promise.all([
    readRegoFiles(join(mesh.directory, 'policies/teams'), 'policies/teams', problems),
    readPlatformFiles(mesh, shipped, problems),
  ]);
  const byTeam = new Map<string, PolicySource[]>();
  const known = new Set(mesh.teams.map((team) => team.name));
  for (const source of teamSources) {
    // Below policies/teams.
    const [team = '', ...rest] = source.file.split('/').slice(2);
    if (rest.length === 0) {
      const message = 'belongs to no team';
      problems.push({
        file: source.file,
        line: 1,
        message,
        hint: 'move it to policies/teams/<team>/',
      });
    } else if (!known.has(team)) {
      const hint = didYouMean(team, known) ?? `mesh.yaml knows: ${[...known].join(', ')}`;
      problems.push({ file: source.file, line: 1, message: `unknown team ${team}`, hint });
    } else {
      const sources = byTeam.get(team) ?? [];
      sources.push(source);
      byTeam.set(team, sources);
    }
  }
  const teams = [...byTeam].map(([team, sources]) => teamUnit(team, sources));
  const platform: PolicyUnit = {
    owner: 'platform',
    kind: 'platform',
    package: 'mesh.platform',
    emits: [GUARDRAILS, BASELINE],
    ...split(platformSources),
  };
  return { teams, platform, problems };
}

function teamUnit(team: string, sources: readonly PolicySource[]): PolicyUnit {
  const name = teamPackage(team);
  return {
    owner: team,
    kind: 'team',
    package: name,
    emits: [
      { package: name, rule: 'needs' },
      { package: name, rule: 'grants' },
      { package: name, rule: REQUEST_RULES },
    ],
    decides: { package: name, rule: 'allow_request', operations: REQUEST_RULES },
    ...split(sources),
  };
}

function split(sources: readonly PolicySource[]): Pick<PolicyUnit, 'sources' | 'tests'> {
  const isTest = (source: PolicySource) => basename(source.file).endsWith('_test.rego');
  return {
    sources: sources.filter((source) => !isTest(source)),
    tests: sources.filter(isTest),
  };
}

/** The shipped platform files and the mesh's own; the same folder is read once, under the mesh's names. */
async function readPlatformFiles(
  mesh: Mesh,
  shipped: string,
  problems: Problem[],
): Promise<PolicySource[]> {
  const own = join(mesh.directory, 'policies/platform');
  const sources = await readRegoFiles(own, 'policies/platform', problems);
  if (await sameFolder(own, shipped)) return sources;
  return [...(await readRegoFiles(shipped, '@dotline/policies/platform', problems)), ...sources];
}

/** Whether a mesh directory is the one whose platform files are shipped. */
export function shipsItsPlatform(meshDirectory: string): Promise<boolean> {
  return sameFolder(join(meshDirectory, 'policies/platform'), shippedPlatformDirectory);
}

async function sameFolder(a: string, b: string): Promise<boolean> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const [first, second] = await Promise.all([real(a), real(b)]);
  return first !== undefined && first === second;
}

async function readRegoFiles(
  folder: string,
  name: string,
  problems: Problem[],
): Promise<PolicySource[]> {
  const paths = (await filesBelow(folder)).filter((path) => path.endsWith('.rego'));
  const files = paths.map((path) => ({ path, file: join(name, relative(folder, path)) }));
  const sources: PolicySource[] = [];
  for (const [index, { path, file }] of files.entries()) {
    // Small files: waiting for each costs many times what reading it does.
    if (index % READS_AT_ONCE === 0) await setImmediate();
    if (statSync(path).size <= FILE_BYTES_MAX) {
      sources.push({ path, file, text: readFileSync(path, 'utf8') });
      continue;
    }
    const message = `is larger than ${FILE_BYTES_MAX / 1_000_000} MB`;
    problems.push({ file, line: 1, message, hint: 'split it by service' });
  }
  return sources;
}
