import type { Problem } from '@dotline/model/mesh-error';
import { type BuildCache, type EmittedSets, sha256 } from './build-cache.js';
import type { CatalogSlices } from './catalog-slices.js';
import { EvaluationError, type Evaluator } from './evaluator.js';
import { entrypointOf } from './instrument.js';
import { pairOf } from './join-relations.js';
import type { MeshNames } from './read-relations.js';
import type { RegoTools } from './rego-tools.js';
import { candidatesText, type TeamJoin } from './team-joins.js';
import type { ReadyUnit, UnitBuilds } from './unit-builds.js';
import { evaluationProblem } from './unit-evaluation.js';

/** Candidates that are judged in one evaluation. */
const CANDIDATES_AT_ONCE = 4_000;

/** What guardrails said, as it came out of the evaluation. */
export type Rows = readonly unknown[];

/** What guardrails say of each team's candidates: the same rows as long as the questions are the same. */
export interface Judgement {
  readonly rows: ReadonlyMap<TeamJoin, Rows>;
  /** What they say of anything else: it refuses nothing, and may be a mistake. */
  readonly others: Rows;
  readonly evaluated: boolean;
}

/**
 * Asks guardrails what they refuse. Where they judge candidates one by one, only those teams' are asked about
 * whose candidates are not those that were asked about before; the answer is the same.
 */
export class GuardrailJudgement {
  readonly #cache: BuildCache;
  readonly #builds: UnitBuilds;
  readonly #evaluator: Evaluator;
  /** What is known of teams' questions, as long as all else that the answers depend on is the same. */
  #known = new WeakMap<TeamJoin, Rows>();
  #knownFor: string | undefined;

  constructor(cache: BuildCache, builds: UnitBuilds, evaluator: Evaluator) {
    this.#cache = cache;
    this.#builds = builds;
    this.#evaluator = evaluator;
  }

  /** @throws OpaError */
  async judge(
    tools: RegoTools,
    { names, slices }: { readonly names: MeshNames; readonly slices: CatalogSlices },
    platform: ReadyUnit,
    teams: readonly TeamJoin[],
  ): Promise<Judgement | { problems: readonly Problem[] }> {
    const { facts, key } = platform;
    const entrypoint = entrypointOfDenials(platform);
    const asked = teams.filter(({ join }) => join.agreements.length > 0);
    if (entrypoint === undefined || asked.length === 0) {
      return { rows: new Map(), others: [], evaluated: false };
    }
    const guardrails = `${key} ${slices.slice(facts.reads).hash}`;
    // Where what is said of one team may depend on the others, any other question is about all of them.
    const name = facts.judgesOneByOne
      ? guardrails
      : `${guardrails} ${sha256(asked.map((team) => team.key).join('\n'))}`;
    if (this.#knownFor !== name) {
      this.#known = new WeakMap();
      this.#recall(asked, this.#cache.readResult(key, 'denied', name));
    }
    this.#knownFor = name;
    const open = asked.filter((team) => !this.#known.has(team));
    if (open.length === 0) return this.#judgement(asked, [], false);
    const unknown = facts.judgesOneByOne ? open : asked;

    const wasm = await this.#builds.readOwnProgram(tools, platform);
    const evaluate = async (batch: readonly TeamJoin[]): Promise<Rows> => {
      const sets = await this.#evaluator.evaluate({
        ...programOf(slices, platform, wasm),
        entrypoints: [entrypoint],
        input: `{"candidates":[${batch.map((team) => candidatesText(names, team)).join(',')}]}`,
      });
      const rows = sets[entrypoint];
      return Array.isArray(rows) ? rows : [];
    };
    try {
      const others = await Promise.all(
        batches(unknown, facts.judgesOneByOne).map(async (batch) =>
          this.#learn(batch, await evaluate(batch)),
        ),
      );
      const judgement = this.#judgement(asked, others.flat(), true);
      // What names no candidate is a mistake, which shall be told again.
      if (judgement.others.length > 0) this.#knownFor = undefined;
      else await this.#cache.storeResult(key, 'denied', name, setsOf(judgement));
      return judgement;
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { problems: [evaluationProblem(facts, error)] };
    }
  }

  /** Loads the guardrails, since every change of a team's edges is put to them. */
  async warmUp(tools: RegoTools, slices: CatalogSlices, platform: ReadyUnit): Promise<void> {
    if (entrypointOfDenials(platform) === undefined) return;
    const wasm = await this.#builds.readOwnProgram(tools, platform);
    await this.#evaluator.warmUp(programOf(slices, platform, wasm));
  }

  /** Takes over what an earlier process was told about the same questions. */
  #recall(teams: readonly TeamJoin[], sets: EmittedSets | undefined): void {
    const judged = new Set(Array.isArray(sets?.judged) ? sets.judged : []);
    for (const team of teams) {
      const said = sets?.[team.key] ?? [];
      if (judged.has(team.key) && Array.isArray(said)) this.#known.set(team, said);
    }
  }

  /** Keeps what was said of each team's questions. Returns what was said of anything else. */
  #learn(teams: readonly TeamJoin[], rows: Rows): Rows {
    const byPair = new Map<string, unknown[]>();
    const byTeam = teams.map((team) => {
      const said: unknown[] = [];
      if (rows.length > 0) {
        for (const agreement of team.join.agreements) byPair.set(pairOf(agreement), said);
      }
      return { team, said };
    });
    const others: unknown[] = [];
    for (const row of rows) (byPair.get(pairNamedBy(row)) ?? others).push(row);
    for (const { team, said } of byTeam) this.#known.set(team, said);
    return others;
  }

  #judgement(asked: readonly TeamJoin[], others: Rows, evaluated: boolean): Judgement {
    return { rows: this.#rowsOf(asked), others, evaluated };
  }

  #rowsOf(teams: readonly TeamJoin[]): ReadonlyMap<TeamJoin, Rows> {
    return new Map(
      teams.map((team) => {
        const rows = this.#known.get(team);
        // Taken for nothing, it would let through what guardrails refuse.
        if (rows === undefined) throw new RangeError(`team ${team.team} is not judged`);
        return [team, rows];
      }),
    );
  }
}

function entrypointOfDenials({ facts, unit }: ReadyUnit): string | undefined {
  return unit.emits
    .filter(({ rule }) => rule === 'deny')
    .map(entrypointOf)
    .find((each) => facts.entrypoints.includes(each));
}

function programOf(slices: CatalogSlices, { program, facts }: ReadyUnit, wasm: Uint8Array) {
  const slice = slices.slice(facts.reads);
  return { key: `${program} ${slice.hash}`, program: () => ({ wasm, data: slice.json() }) };
}

/** The keys of the teams that were judged, and by key what was said of those that were not let through. */
function setsOf({ rows }: Judgement): EmittedSets {
  const said = [...rows].filter(([, each]) => each.length > 0);
  return {
    judged: [...rows.keys()].map(({ key }) => key),
    ...Object.fromEntries(said.map(([{ key }, each]) => [key, each])),
  };
}

/** Whole teams, since what is known is known of teams; all of them at once where they cannot be told apart. */
function batches(teams: readonly TeamJoin[], oneByOne: boolean): (readonly TeamJoin[])[] {
  if (!oneByOne) return [teams];
  const all: TeamJoin[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const team of teams) {
    if (size + team.join.agreements.length > CANDIDATES_AT_ONCE) {
      all.push([]);
      size = 0;
    }
    all.at(-1)?.push(team);
    size += team.join.agreements.length;
  }
  return all;
}

function pairNamedBy(row: unknown): string {
  const { relation } = row as { relation?: { caller?: unknown; operation?: unknown } };
  return `${relation?.caller} ${relation?.operation}`;
}
