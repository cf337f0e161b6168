import { join } from 'node:path';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { z } from 'zod';
import { catalogOf } from './catalog.js';
import { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import { readOpaErrorText, sortProblems } from './opa-problems.js';
import { type PolicyUnit, readPolicyUnits } from './policy-unit.js';
import { compareText } from './relations.js';
import { type RuleCoverage, readCoverage } from './rule-coverage.js';
import { inScratchFolder } from './scratch-folder.js';
import { type HeldRun, TestCache, testKey } from './test-cache.js';

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
  /** Of every owner whose tests all pass, sorted by team. Empty unless it was asked for. */
  readonly coverage: readonly RuleCoverage[];
  /** How many tests passed in an earlier run on the same files, and were not run again. */
  readonly kept: number;
  /** No problem, and no test failed or errored. */
  readonly passed: boolean;
}

export interface PolicyTestOptions {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
  /** Of which owners to measure how much of their rules the tests evaluate, which takes a second run. */
  readonly coverage?: (owner: string) => boolean;
  /** Folder of earlier runs, of which one on the same files and catalog is as good as a new one. */
  readonly cacheDirectory?: string;
  /** As in `PolicyCompilerOptions`. */
  readonly platformDirectory?: string;
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
export async function testPolicies(mesh: Mesh, options: PolicyTestOptions): Promise<PolicyTestRun> {
  const opa = await Opa.open(options.opaPath);
  const { teams, platform, problems } = await readPolicyUnits(mesh, options.platformDirectory);
  const units = [...teams, platform];
  const catalog = JSON.stringify({ catalog: catalogOf(mesh) });
  const cache =
    options.cacheDirectory === undefined ? undefined : new TestCache(options.cacheDirectory);
  const runs = await Promise.all(
    units.map(async (unit): Promise<UnitRun> => {
      const withCoverage = options.coverage?.(unit.owner) === true;
      const key = cache && testKey(opa.version, unit, catalog);
      const known = key && (await cache.find(key));
      if (known && !(withCoverage && known.coverage === undefined)) return keptRun(known);
      const run = await testUnit(opa, unit, catalog, withCoverage);
      const held = heldRun(run);
      if (key && held !== undefined) await cache.store(key, held);
      return run;
    }),
  );
  const results = runs.flatMap((run) => run.results);
  results.sort((a, b) => compareText(a.file, b.file) || a.line - b.line);
  problems.push(...runs.flatMap((run) => run.problems));
  const untested = units.filter((unit) => unit.sources.length > 0 && unit.tests.length === 0);
  return {
    results,
    problems: sortProblems(problems),
    untested: untested.map((unit) => unit.owner).sort(),
    coverage: runs
      .flatMap((run) => run.coverage ?? [])
      .filter(({ team }) => options.coverage?.(team) === true)
      .sort((a, b) => compareText(a.team, b.team)),
    kept: runs.reduce((sum, run) => sum + (run.kept ? run.results.filter(hasPassed).length : 0), 0),
    passed: problems.length === 0 && results.every(hasHeld),
  };
}

interface UnitRun {
  readonly results: readonly PolicyTestResult[];
  readonly problems: readonly Problem[];
  readonly coverage?: RuleCoverage;
  /** Of an earlier run. */
  readonly kept?: true;
}

function keptRun({ results, coverage }: HeldRun): UnitRun {
  return { results, problems: [], kept: true, ...(coverage === undefined ? {} : { coverage }) };
}

/** A run that may be kept: it has tests, and each of them held. */
function heldRun({ results, problems, coverage }: UnitRun): HeldRun | undefined {
  const held = results.flatMap(({ outcome, ...rest }) =>
    outcome === 'passed' || outcome === 'skipped' ? [{ ...rest, outcome }] : [],
  );
  if (held.length === 0 || held.length < results.length || problems.length > 0) return undefined;
  if (coverage === undefined) return { results: held };
  return { results: held, coverage: { ...coverage, uncovered: [...coverage.uncovered] } };
}

async function testUnit(
  opa: Opa,
  unit: PolicyUnit,
  catalog: string,
  withCoverage: boolean,
): Promise<UnitRun> {
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
    const results = parsed.data.map((result) => toResult(unit, result));
    // OPA reports no coverage when a test fails.
    if (!withCoverage || !results.every(hasHeld)) return { results, problems: [] };
    const measured = await opa.run([...args, '--coverage'], folder);
    if (measured.exitCode !== 0) {
      const message = `opa test --coverage failed for ${unit.owner}: ${measured.stderr}`;
      throw new OpaError('failed', opa.path, message);
    }
    return { results, problems: [], coverage: readCoverage(opa, unit, measured.stdout) };
  });
}

function hasPassed({ outcome }: PolicyTestResult): boolean {
  return outcome === 'passed';
}

function hasHeld({ outcome }: PolicyTestResult): boolean {
  return outcome === 'passed' || outcome === 'skipped';
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
