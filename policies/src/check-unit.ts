import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Problem } from '@dotline/model/mesh-error';
import { ZodError } from 'zod';
import { checkModule } from './check-module.js';
import { checkRequestRules } from './check-request-rules.js';
import type { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import { readOpaErrors, readOpaErrorText } from './opa-problems.js';
import type { ParsedSource } from './parsed-source.js';
import type { PolicySource, PolicyUnit } from './policy-unit.js';
import { readRegoModule } from './rego-module.js';

/** Name of OPA's capabilities in a scratch folder. */
export const CAPABILITIES_FILE = 'capabilities.json';

/** The syntax trees of a unit's rules, or what is wrong with their syntax. @throws OpaError */
export async function parseUnit(
  opa: Opa,
  unit: PolicyUnit,
): Promise<{ parsed: ParsedSource[]; problems: Problem[] }> {
  if (unit.sources.length === 0) return { parsed: [], problems: [] };
  return inScratchFolder(unit.sources, async (folder) => {
    const results = await Promise.all(
      unit.sources.map((source) => parseSource(opa, folder, source)),
    );
    return {
      parsed: results.flatMap((result) => result.parsed ?? []),
      problems: results.flatMap((result) => result.problems),
    };
  });
}

/**
 * Checks a unit's parsed rules: ownership of packages, form of the emitted sets, what they read, annotations, and
 * `opa check --strict` with only the allowed builtins. Works on the texts already read, in a folder of
 * its own, so that what is checked is what is compiled.
 * @throws OpaError
 */
export async function checkParsed(
  opa: Opa,
  capabilities: string,
  unit: PolicyUnit,
  parsed: readonly ParsedSource[],
): Promise<Problem[]> {
  if (unit.sources.length === 0) return [];
  return [...checkOwn(unit, parsed), ...(await checkTogether(opa, capabilities, unit.sources))];
}

/** The part of `checkParsed` that asks no process: whose packages they are, what they emit and look at. */
export function checkOwn(unit: PolicyUnit, parsed: readonly ParsedSource[]): Problem[] {
  return [
    ...parsed.flatMap(({ source, module }) => checkModule(unit, source.file, module)),
    ...checkRequestRules(unit, parsed),
  ];
}

/** The other part: one `opa check --strict` of all the files. @throws OpaError */
export function checkTogether(
  opa: Opa,
  capabilities: string,
  sources: readonly PolicySource[],
): Promise<Problem[]> {
  const files = sources.map((source) => source.file);
  const written = [...sources, { file: CAPABILITIES_FILE, text: capabilities }];
  return inScratchFolder(written, (folder) => checkStrictly(opa, folder, files));
}

/** Writes files below a new temporary folder, hands it over, and removes it whatever happens. */
export async function inScratchFolder<Result>(
  files: readonly { readonly file: string; readonly text: string }[],
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'dotline-policies-'));
  try {
    for (const { file, text } of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function parseSource(
  opa: Opa,
  folder: string,
  source: PolicySource,
): Promise<{ parsed?: ParsedSource; problems: Problem[] }> {
  const args = ['parse', '--format', 'json', '--json-include', 'locations,-comments', source.file];
  const output = await opa.run(args, folder);
  if (output.exitCode !== 0) {
    const problems = readOpaErrors(output.stdout || output.stderr, source.file);
    if (problems.length > 0) return { problems };
    return { problems: readOpaErrorText(output.stderr, source.file) };
  }
  try {
    return { parsed: { source, module: readRegoModule(JSON.parse(output.stdout)) }, problems: [] };
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const message = `the syntax tree of OPA ${opa.version} has changed: ${error.message}`;
    throw new OpaError('unsupported-version', opa.path, message, { cause: error });
  }
}

async function checkStrictly(
  opa: Opa,
  folder: string,
  files: readonly string[],
): Promise<Problem[]> {
  const args = ['check', '--strict', '--capabilities', CAPABILITIES_FILE, '--format', 'json'];
  const { exitCode, stdout, stderr } = await opa.run([...args, ...files], folder);
  if (exitCode === 0) return [];
  const [first = ''] = files;
  const problems = readOpaErrors(stdout, first);
  if (problems.length > 0) return problems;
  const printed = readOpaErrors(stderr, first);
  return printed.length > 0 ? printed : readOpaErrorText(stderr, first);
}
