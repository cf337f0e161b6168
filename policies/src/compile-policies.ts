import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Edge, Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import { MeshError, type Problem } from '@dotline/model/mesh-error';
import type { RequestRule } from '@dotline/model/request-policy';
import { BuildCache, buildKey } from './build-cache.js';
import { type BuiltUnit, buildUnit, type UnitFacts } from './build-unit.js';
import { catalogOf } from './catalog.js';
import { type CompiledRequestPolicy, compiledRequestPolicy } from './compiled-request-policy.js';
import { exceededLimits } from './edge-limits.js';
import { EvaluationError, Evaluator } from './evaluator.js';
import { type Finding, findingsOf } from './finding.js';
import { lastCommits, withCommit } from './git-witness.js';
import { entrypointOf, originalLine } from './instrument.js';
import { candidatesOf, denialsOf, edgesOf, type Join, joinRelations } from './join-relations.js';
import { Opa } from './opa.js';
import { sortProblems } from './opa-problems.js';
import { policyCapabilities } from './policy-capabilities.js';
import { type EmittedSet, type PolicyUnit, readPolicyUnits } from './policy-unit.js';
import { MeshNames, readBaseline, readDenials, readGrants, readNeeds } from './read-relations.js';
import { readRequestRules } from './read-request-rules.js';
import {
  type BaselineAllowance,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
  type PolicyRelations,
  type StatedRelations,
} from './relations.js';
import { expiredRules, nextExpiryMs } from './rule-expiry.js';

const EVALUATION_TIMEOUT_MS = 10_000;

export interface PolicyCompilerOptions {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
  /** Folder for compiled policies; may be shared by processes and deleted at any time. */
  readonly cacheDirectory: string;
  /** Folder of the platform files that hold in every mesh, when it is not this package's own. */
  readonly platformDirectory?: string;
  /** Whether later compilations shall find OPA warm: for a process that lives on after the first. */
  readonly warmUp?: boolean;
  /** Told what each compilation took. */
  readonly log?: (message: string, facts: CompileFacts) => void;
}

/** What one compilation did, for logs and metrics. */
export interface CompileFacts {
  readonly units: number;
  /** Units that were checked and compiled anew, not found in the cache. */
  readonly built: number;
  /** Units that were evaluated; the others have the result of last time. */
  readonly evaluated: number;
  readonly needs: number;
  readonly grants: number;
  readonly edges: number;
  readonly durationMs: number;
}

/** The network that the policies of a mesh directory agree on. Plain data, in an order of its own. */
export interface CompiledPolicies extends PolicyRelations {
  /** Sorted by id. */
  readonly edges: readonly Edge[];
  readonly findings: readonly Finding[];
  /** Of teams that decide single requests, sorted by team. */
  readonly requestPolicies: readonly CompiledRequestPolicy[];
  /** Every rule that states or refuses something, also one that does so of nothing at present; sorted by place. */
  readonly rules: readonly Witness[];
  /** When the first of them ends, in milliseconds since the epoch: until then the same policies give the same answer. */
  readonly nextExpiryMs?: number;
}

/** A unit's emitted sets, by entrypoint, as they came out of the evaluation. */
interface Evaluated {
  readonly owner: string;
  readonly key: string;
  readonly rules: readonly Witness[];
  readonly sets: Readonly<Record<string, unknown>>;
}

interface Tools {
  readonly opa: Opa;
  /** JSON text. */
  readonly capabilities: string;
}

/** One compilation's means and counts. */
interface Run extends Tools {
  readonly catalog: string;
  readonly catalogHash: string;
  built: number;
  evaluated: number;
}

/**
 * Turns the Rego of a mesh directory into edges. It keeps what it compiled and evaluated, so that a second
 * compilation costs only what changed; the answer is the same as that of a new compiler.
 */
export class PolicyCompiler {
  readonly #options: PolicyCompilerOptions;
  readonly #cache: BuildCache;
  readonly #evaluator = new Evaluator(EVALUATION_TIMEOUT_MS);
  #tools: Promise<Tools> | undefined;
  /** The last result of each unit, with the key of what it depended on. */
  readonly #evaluated = new Map<string, Evaluated>();
  /** The one build ahead of need, once it has begun. */
  #warm: Promise<unknown> | undefined;

  constructor(options: PolicyCompilerOptions) {
    this.#options = options;
    this.#cache = new BuildCache(join(options.cacheDirectory, 'policies'));
  }

  /**
   * Compiles the policies of a mesh as they hold at a time (milliseconds since the epoch).
   * @throws MeshError with every problem of every team's and the platform's policies, expired rules among them
   * @throws OpaError when OPA is missing, of an unsupported version, or failed
   */
  async compile(mesh: Mesh, nowMs = Date.now()): Promise<CompiledPolicies> {
    const startedMs = performance.now();
    const [{ opa, capabilities }, { teams, platform, problems }] = await Promise.all([
      this.#openTools(),
      readPolicyUnits(mesh, this.#options.platformDirectory),
    ]);
    const files = [...teams, platform].flatMap((unit) => unit.sources.map(({ file }) => file));
    const commits = lastCommits(mesh.directory, new Set(files));
    const catalog = JSON.stringify({ catalog: catalogOf(mesh) });
    const run = { opa, capabilities, catalog, catalogHash: hash(catalog), built: 0, evaluated: 0 };
    this.#forgetOthers([...teams, platform]);
    const { rules, requestRules, ...read } = await this.#readStated(
      run,
      mesh,
      nowMs,
      teams,
      platform,
      problems,
    );
    const committed = await commits;
    const stated = stampCommits(read, committed);
    const joined = joinRelations(mesh, stated);
    const guarded = await this.#askGuardrails(run, mesh, platform, joined.agreements);
    if (guarded.problems.length > 0) throw new MeshError(sortProblems(guarded.problems));
    const refused = guarded.refused.map((denial) => ({
      ...denial,
      guardrail: withCommit(denial.guardrail, committed),
    }));
    const edges = edgesOf(joined.agreements, refused);
    const exceeded = exceededLimits(mesh, edges);
    if (exceeded.length > 0) throw new MeshError(sortProblems(exceeded));
    const endMs = nextExpiryMs(rules, nowMs);
    const compiled = {
      ...stated,
      refused,
      edges,
      findings: findingsOf(joined, refused),
      requestPolicies: await this.#requestPolicies(run, mesh, teams, requestRules, committed),
      rules: rules.map((rule) => withCommit(rule, committed)).sort(compareWitnesses),
      ...(endMs === undefined ? {} : { nextExpiryMs: endMs }),
    };
    if (this.#options.warmUp === true) {
      this.#warm ??= run.built > 0 ? Promise.resolve() : this.#warmUp(run, platform);
    }
    this.#options.log?.('policies compiled', {
      units: teams.length + 1,
      built: run.built,
      evaluated: run.evaluated,
      needs: compiled.needs.length,
      grants: compiled.grants.length,
      edges: compiled.edges.length,
      durationMs: performance.now() - startedMs,
    });
    return compiled;
  }

  /** Ends the thread that evaluates policies; without it, the thread ends with the process. */
  async close(): Promise<void> {
    await this.#warm;
    await this.#evaluator.close();
  }

  /**
   * When all came from the cache, OPA has not run yet, and its first run takes a second longer than the
   * later ones. A build whose result nobody needs takes that second from the first change.
   */
  async #warmUp({ opa, capabilities }: Run, unit: PolicyUnit): Promise<void> {
    // Whatever is wrong is told by the first build that somebody needs.
    await buildUnit(opa, capabilities, unit).catch(() => undefined);
  }

  async #openTools(): Promise<Tools> {
    const open = async () => {
      const opa = await Opa.open(this.#options.opaPath);
      return { opa, capabilities: await policyCapabilities(opa) };
    };
    this.#tools ??= open();
    try {
      return await this.#tools;
    } catch (error) {
      // OPA may be there next time.
      this.#tools = undefined;
      throw error;
    }
  }

  #forgetOthers(units: readonly PolicyUnit[]): void {
    const owners = new Set(units.map((unit) => unit.owner));
    for (const [slot, { owner }] of this.#evaluated) {
      if (!owners.has(owner)) this.#evaluated.delete(slot);
    }
  }

  /** Needs, grants and baseline of all units, or a MeshError with every problem of all of them. */
  async #readStated(
    run: Run,
    mesh: Mesh,
    nowMs: number,
    teams: readonly PolicyUnit[],
    platform: PolicyUnit,
    problems: Problem[],
  ): Promise<{
    needs: Need[];
    grants: Grant[];
    baseline: BaselineAllowance[];
    rules: Witness[];
    requestRules: ReadonlyMap<string, readonly RequestRule[]>;
  }> {
    const names = new MeshNames(mesh);
    const needs: Need[] = [];
    const grants: Grant[] = [];
    const baseline: BaselineAllowance[] = [];
    const rules: Witness[] = [];
    const requestRules = new Map<string, RequestRule[]>();
    const collect = <Relation>(
      into: Relation[],
      read: { relations: Relation[]; problems: Problem[] },
    ) => {
      for (const relation of read.relations) into.push(relation);
      problems.push(...read.problems);
    };
    const results = await Promise.all(
      [...teams, platform].map(async (unit) => ({
        unit,
        result: await this.#evaluate(
          run,
          unit,
          unit.kind === 'team' ? unit.emits : platformStated(unit),
        ),
      })),
    );
    for (const { unit, result } of results) {
      if ('problems' in result) {
        problems.push(...result.problems);
        continue;
      }
      rules.push(...result.evaluated.rules);
      problems.push(...expiredRules(result.evaluated.rules, nowMs));
      const emitted = (rule: string) => ({
        rows: setOf(unit, rule, result.evaluated),
        rules: result.evaluated.rules,
      });
      if (unit.kind === 'platform') {
        collect(baseline, readBaseline(names, emitted('allow')));
      } else {
        collect(needs, readNeeds(names, unit.owner, emitted('needs')));
        collect(grants, readGrants(names, unit.owner, emitted('grants')));
        const decided: RequestRule[] = [];
        collect(decided, readRequestRules(names, unit.owner, emitted('request_rules')));
        requestRules.set(unit.owner, decided);
      }
    }
    if (problems.length > 0) throw new MeshError(sortProblems(problems));
    return { needs, grants, baseline, rules, requestRules };
  }

  /** What those teams say about single requests that decide any. */
  async #requestPolicies(
    run: Run,
    mesh: Mesh,
    teams: readonly PolicyUnit[],
    rules: ReadonlyMap<string, readonly RequestRule[]>,
    commits: ReadonlyMap<string, string>,
  ): Promise<CompiledRequestPolicy[]> {
    const policies: CompiledRequestPolicy[] = [];
    for (const unit of teams) {
      const own = (rules.get(unit.owner) ?? []).map((rule) => ({
        ...rule,
        witness: withCommit(rule.witness, commits),
      }));
      if (own.length === 0) continue;
      const found = await this.#build(run, buildKey(run.opa.version, unit), unit);
      if ('problems' in found) throw new MeshError(found.problems);
      policies.push(compiledRequestPolicy(mesh, unit.owner, found.built, own, run.catalog));
    }
    return policies.sort((a, b) => (a.team < b.team ? -1 : 1));
  }

  async #askGuardrails(
    run: Run,
    mesh: Mesh,
    platform: PolicyUnit,
    agreements: Join['agreements'],
  ): Promise<{ refused: GuardrailDenial[]; problems: readonly Problem[] }> {
    const input = { candidates: candidatesOf(mesh, agreements) };
    const guardrails = platform.emits.filter((set) => set.rule === 'deny');
    const result = await this.#evaluate(run, platform, guardrails, input);
    if ('problems' in result) return { refused: [], problems: result.problems };
    const { evaluated } = result;
    const rows = setOf(platform, 'deny', evaluated);
    const read = readDenials(new MeshNames(mesh), { rows, rules: evaluated.rules });
    return { refused: denialsOf(agreements, read.relations), problems: read.problems };
  }

  /** Evaluates some of a unit's sets, unless the result of last time still holds. */
  async #evaluate(
    run: Run,
    unit: PolicyUnit,
    sets: readonly EmittedSet[],
    input?: unknown,
  ): Promise<{ evaluated: Evaluated } | { problems: readonly Problem[] }> {
    const key = buildKey(run.opa.version, unit);
    const slot = `${unit.owner}/${sets.map((set) => set.rule).join(',')}`;
    const before = this.#evaluated.get(slot);
    const inputHash = input === undefined ? '' : hash(JSON.stringify(input));
    const keyFor = (readsCatalog: boolean) =>
      [key, readsCatalog ? run.catalogHash : 'any catalog', inputHash].join(' ');
    if (before !== undefined && [keyFor(true), keyFor(false)].includes(before.key)) {
      return { evaluated: before };
    }
    const found = await this.#build(run, key, unit);
    if ('problems' in found) return found;
    const { facts, wasm } = found.built;
    const wanted = sets.map(entrypointOf).filter((each) => facts.entrypoints.includes(each));
    try {
      let results = {};
      if (wasm !== undefined && wanted.length > 0) {
        const data = facts.readsCatalog ? run.catalog : '{}';
        results = await this.#evaluator.evaluate({ wasm, data, entrypoints: wanted, input });
        run.evaluated++;
      }
      const evaluated = {
        owner: unit.owner,
        key: keyFor(facts.readsCatalog),
        rules: facts.rules,
        sets: results,
      };
      this.#evaluated.set(slot, evaluated);
      return { evaluated };
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { problems: [evaluationProblem(facts, error)] };
    }
  }

  async #build(
    run: Run,
    key: string,
    unit: PolicyUnit,
  ): Promise<{ built: BuiltUnit } | { problems: readonly Problem[] }> {
    const cached = await this.#cache.find(key);
    if (cached !== undefined) return { built: cached };
    this.#evaluator.warmUp();
    const result = await buildUnit(run.opa, run.capabilities, unit);
    if ('problems' in result) return result;
    run.built++;
    await this.#cache.store(key, result.built);
    return result;
  }
}

function platformStated(platform: PolicyUnit): readonly EmittedSet[] {
  return platform.emits.filter((set) => set.rule === 'allow');
}

function setOf(unit: PolicyUnit, rule: string, evaluated: Evaluated): unknown {
  const set = unit.emits.find((emitted) => emitted.rule === rule);
  return set === undefined ? undefined : evaluated.sets[entrypointOf(set)];
}

function stampCommits(
  { needs, grants, baseline }: StatedRelations,
  commits: ReadonlyMap<string, string>,
): StatedRelations {
  const stamp = <Relation extends { readonly witness: Witness }>(relation: Relation) => ({
    ...relation,
    witness: withCommit(relation.witness, commits),
  });
  return { needs: needs.map(stamp), grants: grants.map(stamp), baseline: baseline.map(stamp) };
}

/** OPA names the place in conflicts (`file:line:column: …`); elsewhere the unit's first rule stands for it. */
function evaluationProblem(facts: UnitFacts, error: EvaluationError): Problem {
  const [, file, line, message] = /^(.+\.rego):(\d+):\d+: (.*)$/s.exec(error.message) ?? [];
  if (file !== undefined && line !== undefined) {
    const original = originalLine(facts, file, Number(line));
    return { file, line: original, message: `cannot be evaluated: ${message}` };
  }
  const { file: first = 'policies', line: at = 1 } = facts.rules[0] ?? {};
  return { file: first, line: at, message: `cannot be evaluated: ${error.message}` };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
