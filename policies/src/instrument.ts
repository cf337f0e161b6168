import type { Witness } from '@dotline/model/edge';
import { annotationsOfRules } from './annotations-of-rule.js';
import { RESERVED_PREFIX } from './check-module.js';
import type { ParsedSource } from './parsed-source.js';
import type { EmittedSet, PolicyUnit, RequestDecision } from './policy-unit.js';
import type { RegoModule, RegoRule } from './rego-module.js';
import { RuleReach } from './rule-reach.js';

/** A unit's files, ready to be compiled so that each emitted relation names the rule it came from. */
export interface InstrumentedUnit {
  readonly files: readonly { readonly file: string; readonly text: string }[];
  /** Emitted relations carry an index into this list. */
  readonly rules: readonly Witness[];
  /** For each rule, the 1-based line at which its copy starts in the rule's file. */
  readonly copyLines: readonly number[];
  /** Only the sets that some rule adds to; a unit without rules has none. */
  readonly entrypoints: readonly string[];
  /** Present when the unit decides single requests. */
  readonly decision?: DecisionFacts;
}

/** How a unit's build decides single requests. */
export interface DecisionFacts {
  /** A set of the rules that allow the request, in the form of emitted relations. */
  readonly entrypoint: string;
  /** Whether it looks at `data.catalog`. */
  readonly readsCatalog: boolean;
}

/** The slash-separated path under which OPA evaluates the instrumented set. */
export function entrypointOf(set: EmittedSet | RequestDecision): string {
  return `${set.package.replaceAll('.', '/')}/${RESERVED_PREFIX}${set.rule}`;
}

/**
 * Keeps every file's text and appends, for each rule that emits a relation, a copy of it that adds
 * `{"rule": <index>, "relation": <key>}` to a set of its own. So the original rules mean what they meant,
 * and two rules that emit the same relation stay two. Rules that decide requests are copied in the same way, into
 * a set of those that allow the request: it is empty exactly where the original is not true.
 */
export function instrument(unit: PolicyUnit, parsed: readonly ParsedSource[]): InstrumentedUnit {
  const annotationsOf = annotationsOfRules(parsed.map(({ module }) => module));
  const rules: Witness[] = [];
  const copyLines: number[] = [];
  const entrypoints = new Set<string>();
  const files = parsed.map(({ source, module }) => {
    let text = source.text;
    let lines = text.split('\n').length;
    for (const rule of module.rules) {
      const copied = copyOf(unit, module, rule);
      if (copied === undefined) continue;
      const stated = annotationsOf(module, rule);
      const place = { team: unit.owner, file: source.file, line: rule.line };
      const index = rules.push({ ...place, ...stated }) - 1;
      entrypoints.add(entrypointOf(copied.set));
      // The key stands in parentheses, since `a | b` in an object would begin a comprehension.
      const head = `${RESERVED_PREFIX}${rule.name} contains {"rule": ${index}, "relation": (${copied.relation})}`;
      copyLines.push(lines + 2);
      const copy = `\n\n${head}${copied.body}`;
      lines += copy.split('\n').length - 1;
      text += copy;
    }
    return { file: source.file, text: `${text}\n` };
  });
  const decision = unit.decides === undefined ? undefined : entrypointOf(unit.decides);
  return {
    files,
    rules,
    copyLines,
    entrypoints: [...entrypoints].sort(),
    ...(decision === undefined || unit.decides === undefined || !entrypoints.has(decision)
      ? {}
      : {
          decision: {
            entrypoint: decision,
            readsCatalog: decisionReadsCatalog(unit.decides, parsed),
          },
        }),
  };
}

/** What a rule's copy adds to which set, when it has one. */
function copyOf(unit: PolicyUnit, module: RegoModule, rule: RegoRule) {
  const { decides } = unit;
  if (decides?.package === module.package && decides.rule === rule.name) {
    return rule.truth && { set: decides, relation: 'true', body: rule.truth.body };
  }
  const set = unit.emits.find(
    (emitted) => emitted.package === module.package && emitted.rule === rule.name,
  );
  if (set === undefined || rule.element === undefined) return undefined;
  return { set, relation: rule.element.key, body: rule.element.body };
}

function decisionReadsCatalog({ rule }: RequestDecision, parsed: readonly ParsedSource[]): boolean {
  return new RuleReach(parsed)
    .from(rule)
    .some(({ references }) =>
      references.some(({ root, path }) => root === 'data' && path[0] === 'catalog'),
    );
}

/** The line of the original text that a line of the instrumented text stands for. */
export function originalLine(
  { rules, copyLines }: Pick<InstrumentedUnit, 'rules' | 'copyLines'>,
  file: string,
  line: number,
): number {
  const index = rules.findLastIndex(
    (rule, each) => rule.file === file && (copyLines[each] ?? Number.POSITIVE_INFINITY) <= line,
  );
  const rule = rules[index];
  return rule === undefined ? line : rule.line + line - (copyLines[index] ?? line);
}
