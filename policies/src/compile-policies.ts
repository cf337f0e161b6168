import { join } from 'node:path';
import type { Edge, Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import { MeshError } from '@dotline/model/mesh-error';
import { BuildCache } from './build-cache.js';
import { buildUnit } from './build-unit.js';
import { CatalogSlices } from './catalog-slices.js';
import { type CompiledRequestPolicy, compiledRequestPolicy } from './compiled-request-policy.js';
import { exceededLimits } from './edge-limits.js';
import { Evaluator } from './evaluator.js';
import type { Finding } from './finding.js';
import { FindingsOfTeams } from './findings-of-teams.js';
import { GitWitness } from './git-witness.js';
import { GuardrailJudgement } from './guardrail-judgement.js';
import { sortProblems } from './opa-problems.js';
import { readPolicyUnits } from './policy-unit.js';
import { compareDenials, MeshNames, readDenials } from './read-relations.js';
import { RegoTools } from './rego-tools.js';
import {
  compareText,
  compareWitnesses,
  concatenated,
  mergeSorted,
  type PolicyRelations,
  type StatedRelations,
} from './relations.js';
import { expiredRules, nextExpiryMs } from './rule-expiry.js';
import { sameData } from './same-data.js';
import { type StatedUnit, StatedUnits } from './stated-units.js';
import { EdgesOfTeams } from './team-edges.js';
import { TeamJoins } from './team-joins.js';
import { type ReadyUnit, UnitBuilds } from './unit-builds.js';
import { UnitEvaluation } from './unit-evaluation.js';

/** Units take milliseconds; whoever saves one that never ends shall not wait long to hear of it. */
const EVALUATION_TIMEOUT_MS = 2_000;

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

/** What follows from a catalog. */
interface Catalogued {
  readonly content: Pick<Mesh, 'services' | 'teams' | 'products'>;
  readonly names: MeshNames;
  readonly slices: CatalogSlices;
}

/**
 * Turns the Rego of a mesh directory into edges. It keeps what it compiled and evaluated, so that a second
 * compilation costs only what changed; the answer is the same as that of a new compiler.
 */
export class PolicyCompiler {
  readonly #options: PolicyCompilerOptions;
  readonly #evaluator = new Evaluator(EVALUATION_TIMEOUT_MS);
  readonly #cache: BuildCache;
  readonly #builds: UnitBuilds;
  readonly #evaluation: UnitEvaluation;
  readonly #judgement: GuardrailJudgement;
  readonly #units = new StatedUnits();
  readonly #git = new GitWitness();
  readonly #joins = new TeamJoins();
  readonly #edges = new EdgesOfTeams();
  readonly #findings = new FindingsOfTeams();
  #tools: Promise<RegoTools> | undefined;
  #catalog: Catalogued | undefined;
  /** The last compilation asked for; the next one waits for it. */
  #tail: Promise<unknown> = Promise.resolve();
  /** The one build ahead of need, once it has begun. */
  #warm: Promise<unknown> | undefined;

  constructor(options: PolicyCompilerOptions) {
    this.#options = options;
    this.#cache = new BuildCache(join(options.cacheDirectory, 'policies'));
    this.#builds = new UnitBuilds(this.#cache);
    this.#evaluation = new UnitEvaluation(this.#cache, this.#builds, this.#evaluator);
    this.#judgement = new GuardrailJudgement(this.#cache, this.#builds, this.#evaluator);
  }

  /**
   * Compiles the policies of a mesh as they hold at a time (milliseconds since the epoch). Several calls are
   * answered one after the other.
   * @throws MeshError with every problem of every team's and the platform's policies, expired rules among them
   * @throws OpaError when OPA is missing, of an unsupported version, or failed
   */
  compile(mesh: Mesh, nowMs = Date.now()): Promise<CompiledPolicies> {
    const compiled = this.#tail.then(() => this.#compile(mesh, nowMs));
    this.#tail = compiled.catch(() => undefined);
    return compiled;
  }

  /** Ends the threads that evaluate policies; without it, they end with the process. */
  async close(): Promise<void> {
    await this.#tail;
    await this.#warm;
    await this.#evaluator.close();
    (await this.#tools)?.close();
  }

  async #compile(mesh: Mesh, nowMs: number): Promise<CompiledPolicies> {
    const startedMs = performance.now();
    const [tools, { units, platform, problems, commits, catalog }] = await Promise.all([
      this.#openTools(),
      this.#read(mesh),
    ]);
    const { names, slices } = catalog;
    const made = await this.#builds.makeReady(tools, units);
    const { evaluations, evaluated } = await this.#evaluation.evaluateAll(
      tools,
      slices,
      made.ready,
    );
    const committed = await commits;
    const read = units.flatMap((unit): StatedUnit[] => {
      const evaluation = evaluations.get(unit.owner);
      problems.push(...(made.problems.get(unit) ?? []));
      if (evaluation === undefined) return [];
      if ('evaluated' in evaluation) {
        return [this.#units.read(names, unit, evaluation.evaluated, committed)];
      }
      problems.push(...evaluation.problems);
      return [];
    });
    this.#units.keepOnly(new Set(units.map(({ owner }) => owner)));
    const ending = read.flatMap((unit) => unit.ending);
    problems.push(...read.flatMap((unit) => unit.problems), ...expiredRules(ending, nowMs));
    if (problems.length > 0) throw new MeshError(sortProblems(problems));

    const stated: StatedRelations = {
      needs: concatenated(read.map(({ needs }) => needs)),
      grants: concatenated(read.map(({ grants }) => grants)),
      baseline: concatenated(read.map(({ baseline }) => baseline)),
    };
    const platformStated = read.find(({ owner }) => owner === platform.owner);
    const platformReady = made.ready.find(({ unit }) => unit === platform);
    if (platformStated === undefined || platformReady === undefined) {
      throw new RangeError('the platform is not built');
    }
    const joins = this.#joins.join(names, read, platformStated);
    const judged = await this.#judgement.judge(tools, catalog, platformReady, joins);
    if ('problems' in judged) throw new MeshError(sortProblems(judged.problems));
    const ofTeams = joins.map((team) =>
      this.#edges.of(names, team, judged.rows.get(team) ?? [], platformStated, committed),
    );
    const others = readDenials(names, { rows: judged.others, rules: platformStated.rules });
    const mistakes = [...others.problems, ...ofTeams.flatMap((team) => team.problems)];
    if (mistakes.length > 0) throw new MeshError(sortProblems(mistakes));
    const edges = mergeSorted(
      ofTeams.flatMap((team) => team.edges),
      (a, b) => compareText(a.id, b.id),
    );
    const aboutNeeds = new Map(
      joins.map(({ team }, index) => [team, ofTeams[index]?.findings ?? []]),
    );
    const exceeded = exceededLimits(mesh, edges);
    if (exceeded.length > 0) throw new MeshError(sortProblems(exceeded));
    const endMs = nextExpiryMs(ending, nowMs);
    const compiled = {
      ...stated,
      refused: ofTeams.flatMap(({ refused }) => refused).sort(compareDenials),
      edges,
      findings: this.#findings.all(aboutNeeds, read, joins),
      requestPolicies: await this.#requestPolicies(tools, mesh, slices, made.ready, read),
      rules: mergeSorted(
        read.map((unit) => unit.rules),
        compareWitnesses,
      ),
      ...(endMs === undefined ? {} : { nextExpiryMs: endMs }),
    };
    this.#builds.forgetPrograms();
    const sections = slices.news();
    if (sections !== undefined) await this.#cache.storeSections(names.key, sections);
    if (this.#options.warmUp === true) {
      this.#warm ??=
        made.built > 0 ? Promise.resolve() : this.#warmUp(tools, slices, platformReady);
    }
    this.#options.log?.('policies compiled', {
      units: units.length,
      built: made.built,
      evaluated: evaluated + Number(judged.evaluated),
      needs: compiled.needs.length,
      grants: compiled.grants.length,
      edges: compiled.edges.length,
      durationMs: performance.now() - startedMs,
    });
    return compiled;
  }

  /** What a mesh directory says, and what Git is going to say of it; OPA starts meanwhile. */
  async #read(mesh: Mesh) {
    const read = await readPolicyUnits(mesh, this.#options.platformDirectory);
    const { teams, platform, problems } = read;
    const units = [...teams, platform];
    const files = units.flatMap((unit) => unit.sources.map(({ file }) => file));
    const commits = this.#git.lastCommits(mesh.directory, new Set(files));
    return { units, platform, problems, commits, catalog: this.#catalogOf(mesh) };
  }

  /**
   * When all came from the cache, OPA has not run yet, and its first run takes a second longer than the
   * later ones. A build whose result nobody needs takes that second from the first change.
   */
  async #warmUp(tools: RegoTools, slices: CatalogSlices, platform: ReadyUnit): Promise<void> {
    try {
      await buildUnit(tools, platform.unit);
      await this.#judgement.warmUp(tools, slices, platform);
    } catch {
      // Whatever is wrong is told by the first build that somebody needs.
    }
  }

  async #openTools(): Promise<RegoTools> {
    this.#tools ??= RegoTools.open(this.#options.opaPath);
    try {
      return await this.#tools;
    } catch (error) {
      // OPA may be there next time.
      this.#tools = undefined;
      throw error;
    }
  }

  /** What follows from the catalog alone; the same objects as long as the catalog is the same. */
  #catalogOf(mesh: Mesh): Catalogued {
    const { services, teams, products } = mesh;
    const content = { services, teams, products };
    if (this.#catalog === undefined || !sameData(this.#catalog.content, content)) {
      const names = new MeshNames(mesh);
      const slices = new CatalogSlices(mesh, this.#cache.readSections(names.key));
      this.#catalog = { content, names, slices };
    }
    return this.#catalog;
  }

  /** What those teams say about single requests that decide any. */
  async #requestPolicies(
    tools: RegoTools,
    mesh: Mesh,
    slices: CatalogSlices,
    ready: readonly ReadyUnit[],
    read: readonly StatedUnit[],
  ): Promise<CompiledRequestPolicy[]> {
    const policies: CompiledRequestPolicy[] = [];
    for (const { owner, requestRules } of read) {
      if (requestRules.length === 0) continue;
      const unit = ready.find((each) => each.unit.owner === owner);
      if (unit === undefined) continue;
      const { facts } = unit;
      const wasm = await this.#builds.readOwnProgram(tools, unit);
      const data = slices.slice(facts.reads).json();
      policies.push(compiledRequestPolicy(mesh, owner, { facts, wasm }, requestRules, data));
    }
    return policies.sort((a, b) => (a.team < b.team ? -1 : 1));
  }
}
