import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { filesBelow } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import { formatProblem, MeshError } from '@dotline/model/mesh-error';
import type { CompiledPolicies, PolicyCompiler } from './compile-policies.js';
import type { PolicyState } from './policy-diff.js';
import { shipsItsPlatform } from './policy-unit.js';
import type { GuardrailDenial } from './relations.js';
import { type ObservedUse, observedDenials, type UnmatchedAttempt } from './suggest-observed.js';
import { suggestedRego } from './suggest-rego.js';
import { missingRules, narrowerGrants, type SuggestedRule, wholeRules } from './suggest-rules.js';
import type { DeniedSeen } from './suggest-seen.js';
import { type PolicyTestResult, testPolicies } from './test-policies.js';
import { findUnused, type RuleAges, type UsageSeen } from './unused-edges.js';

/** A denied use that no rule of a team can allow. */
export interface ForbiddenUse extends ObservedUse {
  readonly refusals: readonly GuardrailDenial[];
}

/** What was learned from traffic, as rules. */
export interface Suggestion {
  /** Of the teams that were asked for. */
  readonly rules: readonly SuggestedRule[];
  /** Rego by file, relative to the mesh directory. */
  readonly files: ReadonlyMap<string, string>;
  /** `<caller> → <operation>` that the rules allow anew; with `all`, all that they allow. */
  readonly allowed: readonly string[];
  readonly forbidden: readonly ForbiddenUse[];
  /** Most frequent first. */
  readonly unmatched: readonly UnmatchedAttempt[];
  /** Agreed and without traffic: no rule is suggested for these, in words. */
  readonly leftOut: readonly string[];
  /** Why wide grants were not looked at; `null` when they were. */
  readonly notNarrowed: string | null;
  /** Why there are no rules although some would be needed; empty otherwise. */
  readonly refusedBecause: readonly string[];
  /** Tests of the mesh that do not hold with these rules. */
  readonly failingTests: readonly PolicyTestResult[];
}

export interface SuggestOptions {
  readonly opaPath: string;
  /** Days that were looked at, for the words of the rules. */
  readonly days: number;
  readonly nowMs: number;
  /** Only rules that this team would write. */
  readonly team?: string;
  /** Rules for all that was observed, in place of those there are. */
  readonly all: boolean;
  /** Makes the compiler of a copy of the mesh. */
  readonly compiler: (platformDirectory: string | undefined) => PolicyCompiler;
}

/** What was seen: how much was used, and what was refused. */
export interface Observations {
  readonly usage: UsageSeen;
  readonly ages: RuleAges;
  readonly denied: DeniedSeen;
}

/** A guardrail's refusal of one use may let another one pass or fail. */
const ROUNDS_MAX = 5;

/**
 * Suggests rules for what was observed, and compiles them beside the mesh's own (or with `all` without them): what
 * they allow is exactly what was observed, less what guardrails refuse.
 * @throws OpaError; MeshError when the mesh directory does not compile as it is
 */
export async function suggestPolicies(
  mesh: Mesh,
  seen: Observations,
  options: SuggestOptions,
): Promise<Suggestion> {
  const folder = await mkdtemp(join(tmpdir(), 'dotline-suggest-'));
  const own = join(mesh.directory, 'policies');
  const ships = await shipsItsPlatform(mesh.directory);
  const compiler = options.compiler(ships ? join(folder, 'policies/platform') : undefined);
  try {
    for (const part of ['platform', 'teams']) {
      const to = join(folder, 'policies', part);
      await cp(join(own, part), to, { recursive: true }).catch(ignoreAbsence);
    }
    const copy = { ...mesh, directory: folder };
    const state = stateOf(copy, await compiler.compile(copy, options.nowMs));
    return await suggestIn(state, seen, options, compiler);
  } finally {
    await compiler.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function suggestIn(
  state: PolicyState,
  { usage, ages, denied: deniedSeen }: Observations,
  options: SuggestOptions,
  compiler: PolicyCompiler,
): Promise<Suggestion> {
  const { mesh } = state;
  const { denied, unmatched } = observedDenials(mesh, deniedSeen);
  const before = pairsOf(state);
  const uses = options.all ? usedAndDenied(mesh, usage, denied) : denied;
  const report = findUnused(state, usage, ages);
  const narrowed = !options.all && report.historyIsWhole ? narrowerGrants(state, report) : [];
  let wanted = uses.filter((use) => options.all || !before.has(pairOf(use)));
  const forbidden: ForbiddenUse[] = [];
  // Without the teams' rules their tests mean nothing.
  const failures = async () => (options.all ? [] : await failuresIn(mesh, options.opaPath));
  const failedBefore = new Set((await failures()).map(testKey));
  const fileName = await freeFileName(mesh, options.nowMs);
  if (options.all)
    await rm(join(mesh.directory, 'policies/teams'), { recursive: true, force: true });
  const leftOut = report.edges.flatMap(({ caller, operations }) =>
    operations.map(({ operation, need }) => `${caller} → ${operation} (${need.file}:${need.line})`),
  );
  const common = {
    unmatched,
    leftOut,
    notNarrowed:
      options.all || report.historyIsWhole ? null : 'records do not cover the days asked for',
  };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const rules = options.all
      ? wholeRules(state, wanted)
      : [...missingRules(state, wanted), ...narrowed];
    const files = filesOf(rules, fileName, options.days);
    await writeAll(mesh.directory, files);
    const after = await compiled(compiler, mesh, options.nowMs);
    if ('problems' in after) {
      const none = { rules: [], files: new Map(), allowed: [], failingTests: [] };
      return { ...common, ...none, forbidden, refusedBecause: after.problems };
    }
    const allowed = pairsOf(after.state);
    const refused = wanted.filter((use) => !allowed.has(pairOf(use)));
    if (refused.length === 0) {
      const failing = (files.size === 0 ? [] : await failures()).filter(
        (test) => !failedBefore.has(testKey(test)),
      );
      const isWanted = ({ team }: SuggestedRule) =>
        options.team === undefined || team === options.team;
      const shown = rules.filter(isWanted);
      return {
        ...common,
        rules: shown,
        files: filesOf(shown, fileName, options.days),
        allowed: wanted.map(({ caller, operation }) => `${caller} → ${operation}`),
        forbidden,
        refusedBecause: unexpected(options.all ? baselineOf(state) : before, allowed, wanted),
        failingTests: failing,
      };
    }
    for (const use of refused) {
      const refusals = after.state.relations.refused.filter(
        ({ caller, operation }) => caller === use.caller && operation === use.operation,
      );
      forbidden.push({ ...use, refusals });
    }
    await Promise.all([...files.keys()].map((file) => rm(join(mesh.directory, file))));
    wanted = wanted.filter((use) => !refused.includes(use));
  }
  throw new RangeError(`guardrails refuse other uses after ${ROUNDS_MAX} rounds`);
}

/** What is allowed that should not be, or the other way round: then nothing may be believed. */
function unexpected(
  before: ReadonlySet<string>,
  allowed: ReadonlySet<string>,
  wanted: readonly ObservedUse[],
): string[] {
  const expected = new Set([...before, ...wanted.map(pairOf)]);
  const more = [...allowed].filter((pair) => !expected.has(pair));
  const less = [...expected].filter((pair) => !allowed.has(pair));
  return [
    ...more.map((pair) => `the rules would also allow ${pair}`),
    ...less.map((pair) => `the rules would no longer allow ${pair}`),
  ];
}

function usedAndDenied(
  mesh: Mesh,
  { operations }: UsageSeen,
  denied: readonly ObservedUse[],
): ObservedUse[] {
  const offered = new Set(
    mesh.services.flatMap((service) => service.operations.map(({ id }) => id)),
  );
  const names = new Set(mesh.services.map(({ name }) => name));
  const used = operations
    .filter((each) => each.requests > 0 && offered.has(each.operation) && names.has(each.caller))
    .map(({ lastSeenMs, ...use }): ObservedUse => ({ ...use, lastMs: lastSeenMs }));
  const known = new Set(used.map(pairOf));
  return [...used, ...denied.filter((use) => !known.has(pairOf(use)))];
}

function filesOf(
  rules: readonly SuggestedRule[],
  fileName: string,
  days: number,
): Map<string, string> {
  const teams = [...new Set(rules.map(({ team }) => team))].sort();
  return new Map(
    teams.map((team) => [
      `policies/teams/${team}/${fileName}`,
      suggestedRego(
        team,
        rules.filter((rule) => rule.team === team),
        days,
      ),
    ]),
  );
}

/** A name that no file of any team has yet. */
async function freeFileName({ directory }: Mesh, nowMs: number): Promise<string> {
  const taken = new Set(
    (await filesBelow(join(directory, 'policies/teams'))).map((path) => basename(path)),
  );
  const stem = `suggested-${new Date(nowMs).toISOString().slice(0, 10)}`;
  let name = `${stem}.rego`;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}.rego`;
  return name;
}

async function writeAll(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [file, text] of files) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
}

async function compiled(
  compiler: PolicyCompiler,
  mesh: Mesh,
  nowMs: number,
): Promise<{ state: PolicyState } | { problems: string[] }> {
  try {
    return { state: stateOf(mesh, await compiler.compile(mesh, nowMs)) };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { problems: error.problems.map(formatProblem) };
  }
}

function stateOf(mesh: Mesh, policies: CompiledPolicies): PolicyState {
  const { edges, needs, grants, baseline, refused } = policies;
  return { mesh, edges, relations: { needs, grants, baseline, refused } };
}

async function failuresIn(mesh: Mesh, opaPath: string): Promise<PolicyTestResult[]> {
  const { results } = await testPolicies(mesh, { opaPath });
  return results.filter(({ outcome }) => outcome === 'failed' || outcome === 'errored');
}

function testKey({ file, package: name, name: test }: PolicyTestResult): string {
  return `${file} ${name} ${test}`;
}

function pairsOf({ edges }: PolicyState): Set<string> {
  return new Set(
    edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation }) => `${caller} ${operation}`),
    ),
  );
}

/** What the platform allows whatever teams say, as far as no guardrail refuses it. */
function baselineOf({ relations: { baseline, refused } }: PolicyState): Set<string> {
  const denied = new Set(refused.map(({ caller, operation }) => `${caller} ${operation}`));
  const pairs = baseline.map(({ service, operation }) => `${service} ${operation}`);
  return new Set(pairs.filter((pair) => !denied.has(pair)));
}

function pairOf({ caller, operation }: ObservedUse): string {
  return `${caller} ${operation}`;
}

function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
