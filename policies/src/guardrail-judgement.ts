import type { Problem } from '@dotline/model/mesh-error';
import { type BuildCache, sha256 } from './build-cache.js';
import type { CatalogSlices } from './catalog-slices.js';
import { EvaluationError, type Evaluator } from './evaluator.js';
import { entrypointOf } from './instrument.js';
import type { Candidate } from './join-relations.js';
import type { ReadyUnit, Tools, UnitBuilds } from './unit-builds.js';
import { evaluationProblem } from './unit-evaluation.js';

/** Candidates that are judged in one evaluation. */
const CANDIDATES_AT_ONCE = 4_000;

/** What guardrails said of candidates. */
type Rows = readonly unknown[];

/** Everything that one caller wants of one operation; it is judged together. */
interface Pair {
  /** `<caller> <operation>`. */
  readonly name: string;
  /** JSON of its candidates, separated by commas. */
  candidates: string;
}

/**
 * Asks guardrails what they refuse. Where they judge candidates one by one, only those are asked about that
 * were not asked about before; the answer is the same.
 */
export class GuardrailJudgement {
  readonly #cache: BuildCache;
  readonly #builds: UnitBuilds;
  readonly #evaluator: Evaluator;
  /** What is known of each pair's candidates, as long as the guardrails and what they look at are the same. */
  #known = new Map<string, Rows>();
  #knownFor: string | undefined;

  constructor(cache: BuildCache, builds: UnitBuilds, evaluator: Evaluator) {
    this.#cache = cache;
    this.#builds = builds;
    this.#evaluator = evaluator;
  }

  /** @throws OpaError */
  async judge(
    tools: Tools,
    slices: CatalogSlices,
    platform: ReadyUnit,
    candidates: readonly Candidate[],
  ): Promise<{ rows: Rows; evaluated: boolean } | { problems: readonly Problem[] }> {
    const { facts, unit, key } = platform;
    const entrypoint = unit.emits
      .filter(({ rule }) => rule === 'deny')
      .map(entrypointOf)
      .find((each) => facts.entrypoints.includes(each));
    if (entrypoint === undefined || candidates.length === 0) return { rows: [], evaluated: false };
    const slice = slices.slice(facts.reads);
    const guardrails = `${key} ${slice.hash}`;
    if (this.#knownFor !== guardrails) this.#known = new Map();
    this.#knownFor = guardrails;

    const pairs = pairsOf(candidates);
    const all = pairs.map((pair) => pair.candidates);
    let unknown = pairs.filter((pair) => !this.#known.has(pair.candidates));
    if (unknown.length === 0) return { rows: this.#rowsOf(all), evaluated: false };
    const asked = () => `${guardrails} ${sha256(all.join('\n'))}`;
    if (this.#known.size === 0) {
      const stored = (await this.#cache.readResult(key, 'denied', asked()))?.rows;
      if (Array.isArray(stored) && this.#learn(pairs, stored)) unknown = [];
      if (unknown.length === 0) return { rows: this.#rowsOf(all), evaluated: false };
    }
    const wasm = await this.#builds.readOwnProgram(tools, platform);
    const evaluate = async (questions: readonly Pair[]): Promise<Rows> => {
      const sets = await this.#evaluator.evaluate({
        key: `${platform.program} ${slice.hash}`,
        program: () => ({ wasm, data: slice.json() }),
        entrypoints: [entrypoint],
        input: `{"candidates":[${questions.map((pair) => pair.candidates).join(',')}]}`,
      });
      const rows = sets[entrypoint];
      return Array.isArray(rows) ? rows : [];
    };
    try {
      const rows =
        (facts.judgesOneByOne ? await this.#judgeUnknown(unknown, all, evaluate) : undefined) ??
        (await evaluate(pairs));
      await this.#cache.storeResult(key, 'denied', asked(), { rows });
      return { rows, evaluated: true };
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { problems: [evaluationProblem(facts, error)] };
    }
  }

  /** Nothing when the guardrails also speak of what they were not asked about: then all has to be asked at once. */
  async #judgeUnknown(
    unknown: readonly Pair[],
    all: readonly string[],
    evaluate: (questions: readonly Pair[]) => Promise<Rows>,
  ): Promise<Rows | undefined> {
    const batches = Array.from(
      { length: Math.ceil(unknown.length / CANDIDATES_AT_ONCE) },
      (_, index) => unknown.slice(index * CANDIDATES_AT_ONCE, (index + 1) * CANDIDATES_AT_ONCE),
    );
    const learnt = await Promise.all(
      batches.map(async (batch) => this.#learn(batch, await evaluate(batch))),
    );
    return learnt.every((each) => each) ? this.#rowsOf(all) : undefined;
  }

  /** Keeps what was said of each pair, unless something is said of others. */
  #learn(pairs: readonly Pair[], rows: Rows): boolean {
    const byName = new Map<string, unknown[]>(pairs.map(({ name }) => [name, []]));
    for (const row of rows) {
      const said = byName.get(nameOf(row));
      if (said === undefined) return false;
      said.push(row);
    }
    for (const { name, candidates } of pairs) {
      this.#known.set(candidates, byName.get(name) ?? []);
    }
    return true;
  }

  /** All that is known of these, which is all that is kept from now on. */
  #rowsOf(all: readonly string[]): Rows {
    const kept = all.map((candidates): [string, Rows] => {
      const rows = this.#known.get(candidates);
      // Taken for nothing, it would let through what guardrails refuse.
      if (rows === undefined) throw new RangeError(`not judged: ${candidates}`);
      return [candidates, rows];
    });
    this.#known = new Map(kept);
    return kept.flatMap(([, rows]) => rows);
  }
}

function pairsOf(candidates: readonly Candidate[]): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const candidate of candidates) {
    const name = `${candidate.caller} ${candidate.operation}`;
    const json = JSON.stringify(candidate);
    const pair = pairs.get(name);
    if (pair === undefined) pairs.set(name, { name, candidates: json });
    else pair.candidates += `,${json}`;
  }
  return [...pairs.values()];
}

function nameOf(row: unknown): string {
  const { relation } = row as { relation?: { caller?: unknown; operation?: unknown } };
  return `${relation?.caller} ${relation?.operation}`;
}
