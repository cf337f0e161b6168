import { MeshError } from '@dotline/model/mesh-error';
import { z } from 'zod';
import { OpaError } from './opa-error.js';
import type { PolicySource } from './policy-unit.js';
import type { RegoTools } from './rego-tools.js';

const Location = z.object({ row: z.number(), text: z.string().optional() });
const Tree = z.object({
  rules: z
    .array(
      z.object({
        head: z.object({ ref: z.array(z.object({ value: z.unknown() })).min(1) }),
        annotations: z
          .array(
            z.object({ scope: z.string(), location: z.object({ row: z.number() }).optional() }),
          )
          .optional(),
        location: Location,
      }),
    )
    .optional(),
});

/** A rule as it stands in its file. */
export interface RuleText {
  readonly name: string;
  /** 1-based lines: where the rule itself begins, and its last one. */
  readonly line: number;
  readonly lastLine: number;
  /** Where its annotations begin; the rule's own line without any. */
  readonly firstLine: number;
  /** Without annotations. */
  readonly text: string;
  /** Whether its annotations speak for other rules of its name too. */
  readonly speaksForOthers: boolean;
}

/**
 * Where the rules of a file stand, in order.
 * @throws MeshError when the file does not parse, which whoever compiled it before knows; OpaError
 */
export async function ruleTexts(tools: RegoTools, source: PolicySource): Promise<RuleText[]> {
  const result = await tools.parse(source);
  if ('problems' in result) throw new MeshError(result.problems);
  const parsed = Tree.safeParse(result.tree);
  if (!parsed.success) {
    const message = `the syntax tree of OPA ${tools.version} has changed: ${parsed.error.message}`;
    throw new OpaError('unsupported-version', 'opa', message, { cause: parsed.error });
  }
  const rules = parsed.data.rules ?? [];
  const names = rules.map((rule) => String(rule.head.ref[0]?.value));
  return rules.map(({ annotations = [], location }, index) => {
    const text = Buffer.from(location.text ?? '', 'base64').toString('utf8');
    const rows = annotations.flatMap((each) => each.location?.row ?? []);
    return {
      name: names[index] ?? '',
      line: location.row,
      lastLine: location.row + text.split('\n').length - 1,
      firstLine: Math.min(location.row, ...rows),
      text,
      speaksForOthers: annotations.some(({ scope }) => scope === 'document'),
    };
  });
}
