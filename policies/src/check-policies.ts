import { dirname, join } from 'node:path';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import { MeshError, type Problem } from '@dotline/model/mesh-error';
import { unverifiableTokens } from './check-tokens.js';
import { type CompiledPolicies, PolicyCompiler } from './compile-policies.js';
import { describeFinding } from './finding.js';
import { type PolicyUnit, readPolicyUnits } from './policy-unit.js';
import { compareText } from './relations.js';
import type { RuleCoverage } from './rule-coverage.js';
import { expiringRules } from './rule-expiry.js';
import { type PolicyTestRun, testPolicies } from './test-policies.js';

/** Tests shall evaluate at least this share of the lines of an owner's rules. */
const COVERAGE_MIN = 0.8;
const UNCOVERED_NAMED_MAX = 5;

/** What a remark is about; stable, for machines. */
export type PolicyCheck =
  | 'mesh'
  | 'ungranted-need'
  | 'unused-grant'
  | 'guardrail-refused'
  | 'expiry'
  | 'title'
  | 'token'
  | 'test'
  | 'coverage';

/** Something to mend. An `error` keeps the mesh directory from going live or breaks a test; a `warning` does not. */
export interface PolicyRemark extends Problem {
  readonly severity: 'error' | 'warning';
  readonly check: PolicyCheck;
}

/** All that can be said about the policies of a mesh directory. Plain data. */
export interface PolicyReport {
  /** Sorted by file, line and column. */
  readonly remarks: readonly PolicyRemark[];
  readonly errors: number;
  readonly warnings: number;
  readonly testsPassed: number;
  /** How many of them passed earlier, on the same files and catalog, and were not run again. */
  readonly testsKept: number;
  /** Sorted by team. */
  readonly coverage: readonly RuleCoverage[];
}

export interface PolicyCheckOptions {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
  /** Folder for compiled policies, as in `PolicyCompilerOptions`. */
  readonly cacheDirectory: string;
  /** As in `PolicyCompilerOptions`. */
  readonly platformDirectory?: string;
  /** Compiles instead of one that is made from the options: whoever compiles the same again has it kept. */
  readonly compiler?: Pick<PolicyCompiler, 'compile'>;
  /** Of which teams, or `platform`, to measure the coverage; of all when absent. */
  readonly coverageOf?: (owner: string) => boolean;
  /** Time of the check, in milliseconds since the epoch: it decides what has expired. */
  readonly nowMs: number;
}

/**
 * Checks a mesh directory the way a control plane would on the next change, and looks further: at tests, their
 * coverage, titles, and rules that end soon. Needs no running mesh.
 * @throws OpaError when OPA is missing, of an unsupported version, or failed
 */
export async function checkPolicies(
  directory: string,
  options: PolicyCheckOptions,
): Promise<PolicyReport> {
  const mesh = await problemsOrResult(loadMesh(directory));
  if ('problems' in mesh) return reportOf(mesh.problems.map(brokenMesh), undefined);
  const { opaPath, platformDirectory, coverageOf = () => true } = options;
  const folder = platformDirectory === undefined ? {} : { platformDirectory };
  const [compiled, tests, { teams, platform }] = await Promise.all([
    problemsOrResult(compile(mesh.result, options)),
    testPolicies(mesh.result, {
      ...{ opaPath, coverage: coverageOf, ...folder },
      cacheDirectory: join(options.cacheDirectory, 'tests'),
    }),
    readPolicyUnits(mesh.result, platformDirectory),
  ]);
  const remarks =
    'problems' in compiled
      ? compiled.problems.map(brokenMesh)
      : [
          ...remarksOnCompiled(mesh.result, compiled.result, options.nowMs),
          ...unverifiableTokens(mesh.result, compiled.result, teams).map(warning('token')),
        ];
  const untested = [...teams, platform].filter(({ owner }) => tests.untested.includes(owner));
  return reportOf(
    [...remarks, ...remarksOnTests(tests, remarks), ...untested.flatMap(remarkOnMissingTests)],
    tests,
  );
}

async function problemsOrResult<Result>(
  attempt: Promise<Result>,
): Promise<{ result: Result } | { problems: readonly Problem[] }> {
  try {
    return { result: await attempt };
  } catch (error) {
    if (error instanceof MeshError) return { problems: error.problems };
    throw error;
  }
}

async function compile(
  mesh: Mesh,
  { nowMs, compiler: given, coverageOf: _all, ...options }: PolicyCheckOptions,
): Promise<CompiledPolicies> {
  if (given !== undefined) return given.compile(mesh, nowMs);
  const compiler = new PolicyCompiler(options);
  try {
    return await compiler.compile(mesh, nowMs);
  } finally {
    await compiler.close();
  }
}

function brokenMesh(problem: Problem): PolicyRemark {
  return { ...problem, severity: 'error', check: 'mesh' };
}

function warning(check: PolicyCheck): (problem: Problem) => PolicyRemark {
  return (problem) => ({ ...problem, severity: 'warning', check });
}

function remarksOnCompiled(
  mesh: Mesh,
  { findings, rules }: CompiledPolicies,
  nowMs: number,
): PolicyRemark[] {
  const untitled = rules.filter((rule) => rule.title === undefined);
  return [
    ...findings.map((finding) => warning(finding.kind)(describeFinding(mesh, finding))),
    ...expiringRules(rules, nowMs).map(warning('expiry')),
    ...untitled.map(({ file, line }) =>
      warning('title')({
        file,
        line,
        message: 'the rule has no title',
        hint: 'write "# METADATA" and "# title: <why>" above it: the page and refusals show it',
      }),
    ),
  ];
}

/** What tests found, without what is known to be broken already. */
function remarksOnTests(
  { results, problems, coverage }: PolicyTestRun,
  known: readonly PolicyRemark[],
): PolicyRemark[] {
  const broken = new Set(
    known.filter(({ severity }) => severity === 'error').map(({ file }) => file),
  );
  const failed = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'errored');
  return [
    ...problems
      .filter(({ file }) => !broken.has(file))
      .map((problem): PolicyRemark => ({ ...problem, severity: 'error', check: 'test' })),
    ...failed.map(
      ({ file, line, name, message }): PolicyRemark => ({
        ...{ file, line, severity: 'error', check: 'test' },
        message:
          message === undefined ? `${name} fails` : `${name} cannot be evaluated: ${message}`,
        hint: 'correct the rule or the test; dotline policy test runs the tests alone',
      }),
    ),
    ...coverage.flatMap(remarksOnCoverage).filter(({ file }) => !broken.has(file)),
  ];
}

function remarkOnMissingTests({ owner, sources }: PolicyUnit): PolicyRemark[] {
  return sources.slice(0, 1).map(({ file }) =>
    warning('coverage')({
      ...{ file, line: 1, message: `the rules of ${owner} have no test` },
      hint: `write one into ${dirname(file)}/, in a file that ends in _test.rego`,
    }),
  );
}

function remarksOnCoverage({ team, coveredLines, lines, uncovered }: RuleCoverage): PolicyRemark[] {
  const [first] = uncovered;
  if (first === undefined || coveredLines / lines >= COVERAGE_MIN) return [];
  const share = `${Math.floor((100 * coveredLines) / lines)} %`;
  const named = uncovered.slice(0, UNCOVERED_NAMED_MAX).map(({ file, line }) => `${file}:${line}`);
  const more =
    uncovered.length > named.length ? ` and ${uncovered.length - named.length} more` : '';
  return [
    warning('coverage')({
      ...first,
      message: `tests of ${team} evaluate ${share} of its rules' lines, less than ${100 * COVERAGE_MIN} %`,
      hint: `test what ${named.join(', ')}${more} say`,
    }),
  ];
}

function reportOf(
  remarks: readonly PolicyRemark[],
  tests: PolicyTestRun | undefined,
): PolicyReport {
  const unique = new Map(remarks.map((remark) => [JSON.stringify(remark), remark]));
  const sorted = [...unique.values()].sort(
    (a, b) =>
      compareText(a.file, b.file) ||
      a.line - b.line ||
      (a.column ?? 1) - (b.column ?? 1) ||
      compareText(a.message, b.message),
  );
  return {
    remarks: sorted,
    errors: sorted.filter(({ severity }) => severity === 'error').length,
    warnings: sorted.filter(({ severity }) => severity === 'warning').length,
    testsPassed: tests?.results.filter(({ outcome }) => outcome === 'passed').length ?? 0,
    testsKept: tests?.kept ?? 0,
    coverage: tests?.coverage ?? [],
  };
}
