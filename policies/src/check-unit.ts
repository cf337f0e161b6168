import type { Problem } from '@dotline/model/mesh-error';
import { ZodError } from 'zod';
import { checkModule } from './check-module.js';
import { checkRequestRules } from './check-request-rules.js';
import { OpaError } from './opa-error.js';
import type { ParsedSource } from './parsed-source.js';
import type { PolicySource, PolicyUnit } from './policy-unit.js';
import { readRegoModule } from './rego-module.js';
import type { RegoTools } from './rego-tools.js';

/** The syntax trees of a unit's rules, or what is wrong with their syntax. @throws OpaError */
export async function parseUnit(
  tools: RegoTools,
  unit: PolicyUnit,
): Promise<{ parsed: ParsedSource[]; problems: Problem[] }> {
  const results = await Promise.all(unit.sources.map((source) => parseSource(tools, source)));
  return {
    parsed: results.flatMap((result) => result.parsed ?? []),
    problems: results.flatMap((result) => result.problems),
  };
}

/**
 * Checks a unit's parsed rules: ownership of packages, form of the emitted sets, what they read, annotations, and
 * `opa check --strict` with only the allowed builtins. Works on the texts already read, so that what is checked
 * is what is compiled.
 * @throws OpaError
 */
export async function checkParsed(
  tools: RegoTools,
  unit: PolicyUnit,
  parsed: readonly ParsedSource[],
): Promise<Problem[]> {
  if (unit.sources.length === 0) return [];
  return [...checkOwn(unit, parsed), ...(await tools.check(unit.sources))];
}

/** The part of `checkParsed` that asks no process: whose packages they are, what they emit and look at. */
export function checkOwn(unit: PolicyUnit, parsed: readonly ParsedSource[]): Problem[] {
  return [
    ...parsed.flatMap(({ source, module }) => checkModule(unit, source.file, module)),
    ...checkRequestRules(unit, parsed),
  ];
}

async function parseSource(
  tools: RegoTools,
  source: PolicySource,
): Promise<{ parsed?: ParsedSource; problems: Problem[] }> {
  const result = await tools.parse(source);
  if ('problems' in result) return result;
  try {
    return { parsed: { source, module: readRegoModule(result.tree) }, problems: [] };
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const message = `the syntax tree of OPA ${tools.version} has changed: ${error.message}`;
    throw new OpaError('unsupported-version', 'opa', message, { cause: error });
  }
}
