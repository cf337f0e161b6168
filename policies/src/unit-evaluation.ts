import type { Witness } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';
import type { BuildCache, EmittedSets } from './build-cache.js';
import type { UnitFacts } from './build-unit.js';
import type { CatalogSlices } from './catalog-slices.js';
import { EvaluationError, type Evaluator } from './evaluator.js';
import { entrypointOf, originalLine } from './instrument.js';
import type { EmittedSet } from './policy-unit.js';
import type { RegoTools } from './rego-tools.js';
import type { ReadyUnit, UnitBuilds } from './unit-builds.js';

/** A unit's emitted sets with the rules that they name: the same object as long as it is the same result. */
export interface Evaluated {
  /** Names all that the sets follow from. */
  readonly key: string;
  readonly rules: readonly Witness[];
  /** By entrypoint, as they came out of the evaluation. */
  readonly sets: EmittedSets;
}

export type Evaluation =
  | { readonly evaluated: Evaluated }
  | { readonly problems: readonly Problem[] };

/** A unit to be evaluated. */
interface Open {
  readonly ready: ReadyUnit;
  readonly entrypoints: readonly string[];
  readonly asked: string;
}

/**
 * Evaluates what units state, and remembers in memory and on disk what came out, so that only those are
 * evaluated that changed or look at something that changed.
 */
export class UnitEvaluation {
  readonly #cache: BuildCache;
  readonly #builds: UnitBuilds;
  readonly #evaluator: Evaluator;
  /** By owner. */
  readonly #results = new Map<string, { readonly asked: string; readonly evaluated: Evaluated }>();

  constructor(cache: BuildCache, builds: UnitBuilds, evaluator: Evaluator) {
    this.#cache = cache;
    this.#builds = builds;
    this.#evaluator = evaluator;
  }

  /**
   * The stated sets of all units, by owner; results of other units are forgotten.
   * @throws OpaError
   */
  async evaluateAll(
    tools: RegoTools,
    slices: CatalogSlices,
    units: readonly ReadyUnit[],
  ): Promise<{ evaluations: ReadonlyMap<string, Evaluation>; evaluated: number }> {
    const owners = new Set(units.map(({ unit }) => unit.owner));
    for (const owner of this.#results.keys()) {
      if (!owners.has(owner)) this.#results.delete(owner);
    }
    const evaluations = new Map<string, Evaluation>();
    const open: Open[] = [];
    await Promise.all(
      units.map(async (ready) => {
        const found = await this.#find(slices, ready);
        if ('evaluated' in found) evaluations.set(ready.unit.owner, found);
        else open.push(found);
      }),
    );
    const evaluate = async (members: readonly Open[], wasm: Uint8Array) => {
      // What one of them looks at does not change what the others say.
      const slice = slices.slice(members.flatMap(({ ready }) => ready.facts.reads));
      const program = () => ({ wasm, data: slice.json() });
      const key = `${members[0]?.ready.program} ${slice.hash}`;
      await Promise.all(
        members.map(async (each) => {
          evaluations.set(each.ready.unit.owner, await this.#evaluate(each, key, program));
        }),
      );
    };
    await Promise.all(
      byProgram(open).map(async (members) => {
        const [first] = members;
        const wasm = first && (await this.#builds.readProgram(first.ready));
        if (wasm !== undefined) return evaluate(members, wasm);
        for (const again of byProgram(await this.#makeAgain(tools, members))) {
          const rebuilt = again[0] && (await this.#builds.readProgram(again[0].ready));
          if (rebuilt === undefined) throw new RangeError('what was built is gone');
          await evaluate(again, rebuilt);
        }
      }),
    );
    return { evaluations, evaluated: open.length };
  }

  async #makeAgain(tools: RegoTools, lost: readonly Open[]): Promise<Open[]> {
    const units = lost.map(({ ready }) => ready.unit);
    const made = new Map(
      (await this.#builds.makeAgain(tools, units)).map((each) => [each.key, each]),
    );
    return lost.map((each) => ({ ...each, ready: made.get(each.ready.key) ?? each.ready }));
  }

  async #find(slices: CatalogSlices, ready: ReadyUnit): Promise<{ evaluated: Evaluated } | Open> {
    const { unit, key, facts } = ready;
    const asked = `${key} ${slices.slice(facts.reads).hash}`;
    const before = this.#results.get(unit.owner);
    if (before?.asked === asked) return { evaluated: before.evaluated };
    const entrypoints = stated(unit.emits)
      .map(entrypointOf)
      .filter((each) => facts.entrypoints.includes(each));
    const sets = entrypoints.length === 0 ? {} : this.#cache.readResult(key, 'stated', asked);
    if (sets === undefined) return { ready, entrypoints, asked };
    return this.#remember(ready, asked, sets);
  }

  async #evaluate(
    { ready, entrypoints, asked }: Open,
    key: string,
    program: () => { wasm: Uint8Array; data: string },
  ): Promise<Evaluation> {
    try {
      const sets = await this.#evaluator.evaluate({ key, program, entrypoints });
      await this.#cache.storeResult(ready.key, 'stated', asked, sets);
      return this.#remember(ready, asked, sets);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { problems: [evaluationProblem(ready.facts, error)] };
    }
  }

  #remember({ unit, facts }: ReadyUnit, asked: string, sets: EmittedSets) {
    const evaluated = { key: asked, rules: facts.rules, sets };
    this.#results.set(unit.owner, { asked, evaluated });
    return { evaluated };
  }
}

/** OPA names the place in conflicts (`file:line:column: …`); elsewhere the unit's first rule stands for it. */
export function evaluationProblem(facts: UnitFacts, error: EvaluationError): Problem {
  const [, file, line, message] = /^(.+\.rego):(\d+):\d+: (.*)$/s.exec(error.message) ?? [];
  if (file !== undefined && line !== undefined) {
    const original = originalLine(facts, file, Number(line));
    return { file, line: original, message: `cannot be evaluated: ${message}` };
  }
  const { file: first = 'policies', line: at = 1 } = facts.rules[0] ?? {};
  return { file: first, line: at, message: `cannot be evaluated: ${error.message}` };
}

/** All but what guardrails refuse, which is asked about candidates. */
function stated(sets: readonly EmittedSet[]): EmittedSet[] {
  return sets.filter(({ rule }) => rule !== 'deny');
}

function byProgram(open: readonly Open[]): Open[][] {
  const programs = new Map<string, Open[]>();
  for (const each of open) {
    const program = each.ready.program ?? '';
    const members = programs.get(program);
    if (members === undefined) programs.set(program, [each]);
    else members.push(each);
  }
  return [...programs.values()];
}
