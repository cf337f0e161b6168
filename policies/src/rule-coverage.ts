import { z } from 'zod';
import type { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import type { PolicyUnit } from './policy-unit.js';

/** How much of an owner's rules its tests evaluate. */
export interface RuleCoverage {
  /** Team name, or `platform`. */
  readonly team: string;
  readonly coveredLines: number;
  /** Lines that can be evaluated. */
  readonly lines: number;
  /** Sorted by file and line. */
  readonly uncovered: readonly { readonly file: string; readonly line: number }[];
}

const Range = z.object({
  start: z.object({ row: z.number() }),
  end: z.object({ row: z.number() }),
});
const Report = z.object({
  files: z.record(
    z.string(),
    z.object({
      covered: z.array(Range).optional(),
      not_covered: z.array(Range).optional(),
    }),
  ),
});

/**
 * Reads the output of `opa test --coverage --format json`, for the unit's rules without its tests. A line of
 * which a part was evaluated counts as covered.
 * @throws OpaError when it is not the report of OPA 1
 */
export function readCoverage(opa: Opa, unit: PolicyUnit, json: string): RuleCoverage {
  const parsed = Report.safeParse(JSON.parse(json));
  if (!parsed.success) {
    const message = `the coverage report of OPA ${opa.version} has changed: ${parsed.error.message}`;
    throw new OpaError('unsupported-version', opa.path, message, { cause: parsed.error });
  }
  let coveredLines = 0;
  const uncovered: { file: string; line: number }[] = [];
  for (const { file } of unit.sources) {
    const report = parsed.data.files[file];
    const covered = rowsOf(report?.covered);
    const missed = [...rowsOf(report?.not_covered)].filter((row) => !covered.has(row));
    coveredLines += covered.size;
    for (const line of missed.sort((a, b) => a - b)) uncovered.push({ file, line });
  }
  return { team: unit.owner, coveredLines, lines: coveredLines + uncovered.length, uncovered };
}

function rowsOf(ranges: readonly z.infer<typeof Range>[] = []): Set<number> {
  const rows = new Set<number>();
  for (const { start, end } of ranges) {
    for (let row = start.row; row <= end.row; row++) rows.add(row);
  }
  return rows;
}
