import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Witness } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';
import { extract } from 'tar';
import { CAPABILITIES_FILE, checkParsed, inScratchFolder, parseUnit } from './check-unit.js';
import { type DecisionFacts, instrument, originalLine, type ParsedSource } from './instrument.js';
import type { Opa } from './opa.js';
import { readOpaErrorText } from './opa-problems.js';
import type { PolicyUnit } from './policy-unit.js';

/** What a build leaves besides the WebAssembly. Plain data. */
export interface UnitFacts {
  /** Evaluated relations carry an index into this list. */
  readonly rules: readonly Witness[];
  /** Where each rule's copy starts in its instrumented file. */
  readonly copyLines: readonly number[];
  readonly entrypoints: readonly string[];
  /** Whether a rule looks at `data.catalog`: if none does, another catalog cannot change the result. */
  readonly readsCatalog: boolean;
  /** Present when the unit decides single requests. */
  readonly decision?: DecisionFacts;
}

export interface BuiltUnit {
  readonly facts: UnitFacts;
  /** Absent when no rule emits anything. */
  readonly wasm?: Uint8Array;
}

/**
 * Checks a unit and compiles it to WebAssembly, or says what is wrong with it.
 * @throws OpaError
 */
export async function buildUnit(
  opa: Opa,
  capabilities: string,
  unit: PolicyUnit,
): Promise<{ built: BuiltUnit } | { problems: readonly Problem[] }> {
  const { parsed, problems } = await parseUnit(opa, unit);
  if (problems.length > 0) return { problems };
  // At the same time, since each is a process that takes as long as the other.
  const [found, result] = await Promise.all([
    checkParsed(opa, capabilities, unit, parsed),
    compileParsed(opa, capabilities, unit, parsed),
  ]);
  // The check names the cause of whatever the compilation says, in the words of the original text.
  return found.length > 0 ? { problems: found } : result;
}

async function compileParsed(
  opa: Opa,
  capabilities: string,
  unit: PolicyUnit,
  parsed: readonly ParsedSource[],
): Promise<{ built: BuiltUnit } | { problems: readonly Problem[] }> {
  const { files, rules, copyLines, entrypoints, decision } = instrument(unit, parsed);
  const readsCatalog = parsed.some(({ module }) =>
    module.references.some(({ root, path }) => root === 'data' && path[0] === 'catalog'),
  );
  const facts: UnitFacts = {
    ...{ rules, copyLines, entrypoints, readsCatalog },
    ...(decision === undefined ? {} : { decision }),
  };
  if (entrypoints.length === 0) return { built: { facts } };
  const written = [...files, { file: CAPABILITIES_FILE, text: capabilities }];
  return inScratchFolder(written, async (folder) => {
    const { exitCode, stderr } = await opa.run(
      [
        ...['build', '--target', 'wasm', '--capabilities', CAPABILITIES_FILE],
        ...entrypoints.flatMap((entrypoint) => ['--entrypoint', entrypoint]),
        ...['--output', 'bundle.tar.gz'],
        ...files.map(({ file }) => file),
      ],
      folder,
    );
    if (exitCode !== 0) {
      const found = readOpaErrorText(stderr, files[0]?.file ?? unit.owner);
      return {
        problems: found.map((problem) => ({
          ...problem,
          line: originalLine(facts, problem.file, problem.line),
        })),
      };
    }
    await extract({
      file: join(folder, 'bundle.tar.gz'),
      cwd: folder,
      filter: (path) => path === '/policy.wasm',
    });
    return { built: { facts, wasm: await readFile(join(folder, 'policy.wasm')) } };
  });
}
