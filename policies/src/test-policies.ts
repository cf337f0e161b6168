import { join } from 'node:path';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { z } from 'zod';
import { catalogOf } from './catalog.js';
import { checkUnit, inScratchFolder } from './check-unit.js';
import { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import { readOpaErrorText, sortProblems } from './opa-problems.js';
import { policyCapabilities } from './policy-capabilities.js';
import { type PolicyUnit, readPolicyUnits } from './policy-unit.js';
import { compareText } from './relations.js';

/** One `test_…` or `todo_test_…` rule. */
export interface PolicyTestResult {
  /** Team name, or `platform`. */
  readonly team: string;
  /** Such as `mesh.teams.rides_test`. */
  readonly package: string;
  readonly name: string;
  /** Relative to the mesh directory. */
  readonly file: string;
  readonly line: number;
  readonly outcome: 'passed' | 'failed' | 'errored' | 'skipped';
  /** What went wrong, when the outcome is `errored`. */
  readonly message?: string;
  readonly durationMs: number;
}

export interface PolicyTestRun {
  /** Sorted by file and line. */
  readonly results: readonly PolicyTestResult[];
  /** Tests that could not be run at all, such as for a syntax error. */
  readonly problems: readonly Problem[];
  /** Owners of rules without a single test, sorted. */
  readonly untested: readonly string[];
  /** No problem, and no test failed or errored. */
  readonly passed: boolean;
}

export interface PolicyTools {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
}

const Results = z.array(
  z.object({
    location: z.object({ file: z.string(), row: z.number() }),
    package: z.string(),
    name: z.string(),
    fail: z.boolean().optional(),
    skip: z.boolean().optional(),
    error: z.object({ message: z.string() }).loose().optional(),
    duration: z.number(),
  }),
);

/**
 * Runs `opa test` for each team and the platform, each with its own files and the mesh's catalog alone.
 * @throws OpaError when OPA is missing, of an unsupported version, or failed
 */
export async function testPolicies(mesh: Mesh, tools: PolicyTools): Promise<PolicyTestRun> {
  const opa = await Opa.open(tools.opaPath);
  const { teams, platform, problems } = await readPolicyUnits(mesh);
  const units = [...teams, platform];
  const catalog = JSON.stringify({ catalog: catalogOf(mesh) });
  const runs = await Promise.all(units.map((unit) => testUnit(opa, unit, catalog)));
  const results = runs.flatMap((run) => run.results);
  results.sort((a, b) => compareText(a.file, b.file) || a.line - b.line);
  problems.push(...runs.flatMap((run) => run.problems));
  const untested = units.filter((unit) => unit.sources.length > 0 && unit.tests.length === 0);
  return {
    results,
    problems: sortProblems(problems),
    untested: untested.map((unit) => unit.owner).sort(),
    passed:
      problems.length === 0 &&
      results.every(({ outcome }) => outcome === 'passed' || outcome === 'skipped'),
  };
}

/**
 * Checks every team's and the platform's rules without evaluating them: syntax, ownership, form, allowed builtins
 * (`opa check --strict`). Returns every problem, sorted by file and line.
 * @throws OpaError when OPA is missing, of an unsupported version, or failed
 */
export async function checkPolicies(mesh: Mesh, tools: PolicyTools): Promise<Problem[]> {
  const opa = await Opa.open(tools.opaPath);
  const [capabilities, { teams, platform, problems }] = await Promise.all([
    policyCapabilities(opa),
    readPolicyUnits(mesh),
  ]);
  const checks = await Promise.all(
    [...teams, platform].map((unit) => checkUnit(opa, capabilities, unit)),
  );
  problems.push(...checks.flat());
  return sortProblems(problems);
}

async function testUnit(
  opa: Opa,
  unit: PolicyUnit,
  catalog: string,
): Promise<{ results: PolicyTestResult[]; problems: Problem[] }> {
  if (unit.tests.length === 0) return { results: [], problems: [] };
  const files = [...unit.sources, ...unit.tests];
  const data = { file: join('data', 'catalog.json'), text: catalog };
  return inScratchFolder([...files, data], async (folder) => {
    const args = ['test', '--format', 'json', ...files.map(({ file }) => file), data.file];
    const { exitCode, stdout, stderr } = await opa.run(args, folder);
    // `opa test` ends with 0 (passed), 2 (some test failed) or 1 (it could not start).
    if (exitCode === 1 || stdout.trim() === '') {
      return { results: [], problems: readOpaErrorText(stderr, files[0]?.file ?? unit.owner) };
    }
    const parsed = Results.safeParse(JSON.parse(stdout));
    if (!parsed.success) {
      const message = `the results of opa test ${opa.version} have changed: ${parsed.error.message}`;
      throw new OpaError('unsupported-version', opa.path, message, { cause: parsed.error });
    }
    return { results: parsed.data.map((result) => toResult(unit, result)), problems: [] };
  });
}

function toResult(unit: PolicyUnit, result: z.infer<typeof Results>[number]): PolicyTestResult {
  return {
    team: unit.owner,
    package: result.package.replace(/^data\./, ''),
    name: result.name,
    file: result.location.file,
    line: result.location.row,
    outcome: outcomeOf(result),
    ...(result.error === undefined ? {} : { message: result.error.message }),
    durationMs: result.duration / 1_000_000,
  };
}

function outcomeOf({
  error,
  fail,
  skip,
}: z.infer<typeof Results>[number]): PolicyTestResult['outcome'] {
  if (error !== undefined) return 'errored';
  if (skip === true) return 'skipped';
  return fail === true ? 'failed' : 'passed';
}
