import type { Problem } from '@dotline/model/mesh-error';
import { type BuildCache, buildKey, type StoredBuild, sha256 } from './build-cache.js';
import { type BuildResult, type BuiltUnit, buildTogether, buildUnit } from './build-unit.js';
import type { PolicyUnit } from './policy-unit.js';
import type { RegoTools } from './rego-tools.js';
import { sameData } from './same-data.js';

/** Units that are built in one run of OPA: a run's start is shared, and one mistake costs the others little. */
const UNITS_TOGETHER_MAX = 16;

/** A unit that is built. */
export interface ReadyUnit extends StoredBuild {
  readonly unit: PolicyUnit;
  /** Names all that the build depends on. */
  readonly key: string;
}

/** Builds units that are not built yet, and knows where the builds are. */
export class UnitBuilds {
  readonly #cache: BuildCache;
  /** By owner, what was read last and its key. */
  readonly #keys = new Map<string, { readonly unit: PolicyUnit; readonly key: string }>();
  /** Builds of the units of the last call, by key. */
  #builds = new Map<string, StoredBuild>();
  /** WebAssembly that was made a moment ago, by its SHA-256. */
  readonly #fresh = new Map<string, Uint8Array>();

  constructor(cache: BuildCache) {
    this.#cache = cache;
  }

  /**
   * Makes all of the units ready. `built` is how many had to be built for it.
   * @throws OpaError
   */
  async makeReady(
    tools: RegoTools,
    units: readonly PolicyUnit[],
  ): Promise<{
    ready: ReadyUnit[];
    problems: Map<PolicyUnit, readonly Problem[]>;
    built: number;
  }> {
    const ready: ReadyUnit[] = [];
    const missing: PolicyUnit[] = [];
    await Promise.all(
      units.map(async (unit) => {
        const key = this.#keyOf(tools, unit);
        const build = this.#builds.get(key) ?? (await this.#cache.find(key));
        if (build === undefined) missing.push(unit);
        else ready.push({ ...build, unit, key });
      }),
    );
    const problems = new Map<PolicyUnit, readonly Problem[]>();
    await Promise.all(
      batches(missing).map(async (batch) => {
        for (const [unit, result] of await this.#build(tools, batch)) {
          if ('problems' in result) problems.set(unit, result.problems);
          else ready.push({ ...this.#stored(result.built), unit, key: this.#keyOf(tools, unit) });
        }
      }),
    );
    this.#builds = new Map(
      ready.map(({ key, facts, program }) => [
        key,
        { facts, ...(program === undefined ? {} : { program }) },
      ]),
    );
    return { ready, problems, built: missing.length - problems.size };
  }

  /** The WebAssembly of a unit that is ready, unless it is not on disk any more. */
  async readProgram({ key, program }: ReadyUnit): Promise<Uint8Array | undefined> {
    if (program === undefined) return undefined;
    return this.#fresh.get(program) ?? (await this.#cache.readProgram(key, program));
  }

  /**
   * The WebAssembly of a unit that is never built together with others; built again when it is not on disk any more.
   * @throws OpaError
   */
  async readOwnProgram(tools: RegoTools, ready: ReadyUnit): Promise<Uint8Array> {
    const found = await this.readProgram(ready);
    if (found !== undefined) return found;
    const [again] = await this.makeAgain(tools, [ready.unit]);
    const wasm = again === undefined ? undefined : await this.readProgram(again);
    if (wasm === undefined) throw new RangeError(`${ready.unit.owner} emits nothing`);
    return wasm;
  }

  /**
   * Builds units again whose WebAssembly is lost. Their programs may be others than before.
   * @throws OpaError
   */
  async makeAgain(tools: RegoTools, units: readonly PolicyUnit[]): Promise<ReadyUnit[]> {
    const results = await this.#build(tools, units);
    return [...results].map(([unit, result]) => {
      if ('problems' in result) {
        throw new RangeError(`${unit.owner} was built before and cannot be built now`);
      }
      const ready = { ...this.#stored(result.built), unit, key: this.#keyOf(tools, unit) };
      this.#builds.set(ready.key, ready);
      return ready;
    });
  }

  /** Lets go of what is only needed until it has been evaluated. */
  forgetPrograms(): void {
    this.#fresh.clear();
  }

  async #build(
    tools: RegoTools,
    units: readonly PolicyUnit[],
  ): Promise<ReadonlyMap<PolicyUnit, BuildResult>> {
    const [first, ...others] = units;
    const results =
      first !== undefined && others.length === 0
        ? new Map([[first, await buildUnit(tools, first)]])
        : await buildTogether(tools, units);
    const builds = new Map<string, BuiltUnit>();
    for (const [unit, result] of results) {
      if ('built' in result) builds.set(this.#keyOf(tools, unit), result.built);
    }
    await this.#cache.store(builds);
    return results;
  }

  #stored({ facts, wasm }: BuiltUnit): StoredBuild {
    if (wasm === undefined) return { facts };
    const program = sha256(wasm);
    this.#fresh.set(program, wasm);
    return { facts, program };
  }

  #keyOf(tools: RegoTools, unit: PolicyUnit): string {
    const known = this.#keys.get(unit.owner);
    if (known !== undefined && (known.unit === unit || sameData(known.unit, unit))) {
      return known.key;
    }
    const key = buildKey(tools.version, unit);
    this.#keys.set(unit.owner, { unit, key });
    return key;
  }
}

/** Teams' units in batches; the platform's is large and looks at other things, so it stays alone. */
function batches(units: readonly PolicyUnit[]): PolicyUnit[][] {
  const teams = units.filter(({ kind }) => kind === 'team');
  const count = Math.ceil(teams.length / UNITS_TOGETHER_MAX);
  return [
    ...units.filter(({ kind }) => kind === 'platform').map((unit) => [unit]),
    ...Array.from({ length: count }, (_, index) =>
      teams.slice(index * UNITS_TOGETHER_MAX, (index + 1) * UNITS_TOGETHER_MAX),
    ),
  ];
}
