import type { Witness } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';
import { type CatalogPath, withoutSubsumed } from './catalog-path.js';
import { checkOwn, checkParsed, parseUnit } from './check-unit.js';
import {
  type DecisionFacts,
  type InstrumentedUnit,
  instrument,
  originalLine,
} from './instrument.js';
import { OpaError } from './opa-error.js';
import type { ParsedSource } from './parsed-source.js';
import type { PolicyUnit } from './policy-unit.js';
import type { RegoTools } from './rego-tools.js';

/** What a build leaves besides the WebAssembly. Plain data. */
export interface UnitFacts {
  /** Evaluated relations carry an index into this list. */
  readonly rules: readonly Witness[];
  /** Where each rule's copy starts in its instrumented file. */
  readonly copyLines: readonly number[];
  readonly entrypoints: readonly string[];
  /** What the rules look at of `data.catalog`: whatever else is in another catalog cannot change the result. */
  readonly reads: readonly CatalogPath[];
  /** Whether `deny` says of each candidate the same, whatever the others are. */
  readonly judgesOneByOne: boolean;
  /** Present when the unit decides single requests. */
  readonly decision?: DecisionFacts;
}

export interface BuiltUnit {
  readonly facts: UnitFacts;
  /** Absent when no rule emits anything. Units that were built together share one. */
  readonly wasm?: Uint8Array;
}

export type BuildResult = { built: BuiltUnit } | { problems: readonly Problem[] };

/** A unit that is parsed, and ready to be compiled. */
interface ParsedUnit {
  readonly unit: PolicyUnit;
  readonly parsed: readonly ParsedSource[];
  readonly instrumented: InstrumentedUnit;
}

/**
 * Checks a unit and compiles it to WebAssembly, or says what is wrong with it.
 * @throws OpaError
 */
export async function buildUnit(tools: RegoTools, unit: PolicyUnit): Promise<BuildResult> {
  return refusingExhaustion(unit, async () => {
    const { parsed, problems } = await parseUnit(tools, unit);
    if (problems.length > 0) return { problems };
    return buildParsed(tools, parsedUnit(unit, parsed));
  });
}

/**
 * Checks and compiles several units with fewer runs of OPA than one by one: each file is parsed alone, then all
 * that are sound so far are checked in one run and compiled in another, into one WebAssembly. No unit sees
 * another's rules, since what a unit may look at is checked before. When something is wrong with the whole,
 * each is built alone, so that everybody hears of their own problems only.
 * @throws OpaError
 */
export async function buildTogether(
  tools: RegoTools,
  units: readonly PolicyUnit[],
): Promise<ReadonlyMap<PolicyUnit, BuildResult>> {
  const results = new Map<PolicyUnit, BuildResult>();
  const sound: ParsedUnit[] = [];
  await Promise.all(
    units.map(async (unit) => {
      const result = await refusingExhaustion(unit, () => parseUnit(tools, unit));
      const { problems } = result;
      if (!('parsed' in result) || problems.length > 0) results.set(unit, { problems });
      else sound.push(parsedUnit(unit, result.parsed));
    }),
  );
  const isAlone = ({ unit, parsed, instrumented }: ParsedUnit) =>
    checkOwn(unit, parsed).length > 0 ||
    // Its WebAssembly goes to authorizers, so it must not depend on who else was built.
    instrumented.decision !== undefined ||
    sound.some((other) => other.unit !== unit && other.unit.package === unit.package);
  const together = sound.filter((each) => !isAlone(each));
  const built = together.length > 1 ? await buildSound(tools, together) : undefined;
  await Promise.all(
    sound.map(async (each) => {
      const known = built?.get(each.unit);
      const result = await (known === undefined
        ? refusingExhaustion(each.unit, () => buildParsed(tools, each))
        : { built: known });
      results.set(each.unit, result);
    }),
  );
  return results;
}

/** All of the units in one WebAssembly, or nothing when there is anything wrong with one of them. */
async function buildSound(
  tools: RegoTools,
  units: readonly ParsedUnit[],
): Promise<ReadonlyMap<PolicyUnit, BuiltUnit> | undefined> {
  const sources = units.flatMap(({ unit }) => unit.sources);
  try {
    const [problems, compiled] = await Promise.all([
      tools.check(sources),
      compile(
        tools,
        units.map(({ instrumented }) => instrumented),
      ),
    ]);
    if (problems.length > 0 || 'problems' in compiled) return undefined;
    return new Map(
      units.map(({ unit, parsed, instrumented }): [PolicyUnit, BuiltUnit] => {
        const facts = factsOf(unit, parsed, instrumented);
        const emits = facts.entrypoints.length > 0 && compiled.wasm !== undefined;
        return [unit, { facts, ...(emits ? { wasm: compiled.wasm } : {}) }];
      }),
    );
  } catch (error) {
    if (error instanceof OpaError && error.code === 'exhausted') return undefined;
    throw error;
  }
}

function parsedUnit(unit: PolicyUnit, parsed: readonly ParsedSource[]): ParsedUnit {
  return { unit, parsed, instrumented: instrument(unit, parsed) };
}

async function buildParsed(tools: RegoTools, built: ParsedUnit): Promise<BuildResult> {
  const [found, result] = await Promise.all([
    checkParsed(tools, built.unit, built.parsed),
    compileParsed(tools, built),
  ]);
  // The check names the cause of whatever the compilation says, in the words of the original text.
  return found.length > 0 ? { problems: found } : result;
}

async function compileParsed(
  tools: RegoTools,
  { unit, parsed, instrumented }: ParsedUnit,
): Promise<BuildResult> {
  const facts = factsOf(unit, parsed, instrumented);
  const compiled = await compile(tools, [instrumented]);
  if (!('problems' in compiled)) {
    return { built: { facts, ...(compiled.wasm === undefined ? {} : { wasm: compiled.wasm }) } };
  }
  return {
    problems: compiled.problems.map((problem) => ({
      ...problem,
      line: originalLine(facts, problem.file, problem.line),
    })),
  };
}

function factsOf(
  { kind }: PolicyUnit,
  parsed: readonly ParsedSource[],
  { rules, copyLines, entrypoints, decision }: InstrumentedUnit,
): UnitFacts {
  const catalogPaths = parsed.flatMap(({ module }) =>
    module.references
      .filter(({ root, keys }) => root === 'data' && keys[0] === 'catalog')
      .map(({ keys }) => keys.slice(1)),
  );
  return {
    rules,
    copyLines,
    entrypoints,
    reads: withoutSubsumed(catalogPaths),
    judgesOneByOne: kind === 'platform' && parsed.every(({ module }) => module.judgesOneByOne),
    ...(decision === undefined ? {} : { decision }),
  };
}

/** The WebAssembly of all entrypoints (none, none), or what OPA says is wrong. @throws OpaError */
async function compile(
  tools: RegoTools,
  units: readonly InstrumentedUnit[],
): Promise<{ wasm?: Uint8Array } | { problems: readonly Problem[] }> {
  const entrypoints = units.flatMap((unit) => unit.entrypoints);
  if (entrypoints.length === 0) return {};
  return tools.build(
    units.flatMap((unit) => unit.files),
    entrypoints,
  );
}

/** A policy that OPA cannot get through in time or output is its author's problem, not everybody's. */
async function refusingExhaustion<Result>(
  unit: PolicyUnit,
  work: () => Promise<Result>,
): Promise<Result | { problems: readonly Problem[] }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OpaError) || error.code !== 'exhausted') throw error;
    const file = unit.sources[0]?.file ?? unit.owner;
    const hint = 'make the policies simpler, or split what one rule states';
    return { problems: [{ file, line: 1, message: `cannot be compiled: ${error.message}`, hint }] };
  }
}
