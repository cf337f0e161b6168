import type { Problem } from '@dotline/model/mesh-error';
import type { ParsedSource } from './parsed-source.js';
import type { PolicyUnit } from './policy-unit.js';
import type { RegoRule } from './rego-module.js';
import { RuleReach } from './rule-reach.js';

/**
 * Checks what only all files of a unit together can tell: that relations do not depend on a request, and that
 * the rules which decide requests and the set which says of which operations come together.
 */
export function checkRequestRules(unit: PolicyUnit, parsed: readonly ParsedSource[]): Problem[] {
  const { decides } = unit;
  if (decides === undefined) return [];
  const reach = new RuleReach(parsed);
  const problems = [
    ...unit.emits.flatMap(({ rule }) => checkIndependence(reach, rule, decides.rule)),
    ...checkIdleInput(reach, unit, decides.rule),
  ];
  const places = (wanted: (rule: RegoRule) => boolean) =>
    parsed
      .filter(({ module }) => module.package === unit.package)
      .flatMap(({ source, module }) =>
        module.rules.filter(wanted).map(({ line }) => ({ file: source.file, line })),
      );
  const [decision] = places(({ name, truth }) => name === decides.rule && truth !== undefined);
  const [declaration] = places(({ name }) => name === decides.operations);
  if (decision !== undefined && declaration === undefined) {
    problems.push({
      ...decision,
      message: `${decides.rule} decides nothing`,
      hint: `say of which operations: ${decides.operations} contains {"operation": "<service>.<operation>"}`,
    });
  }
  if (declaration !== undefined && decision === undefined) {
    problems.push({
      ...declaration,
      message: `${decides.operations} without ${decides.rule} would refuse every request`,
      hint: `write "${decides.rule} if { … }" over input.operation, input.claims, input.parameters …`,
    });
  }
  return problems;
}

function checkIndependence(reach: RuleReach, rule: string, decision: string): Problem[] {
  for (const { name, file, references } of reach.from(rule)) {
    const read = references.find(({ root }) => root === 'input');
    if (read === undefined) continue;
    const through = name === rule ? '' : ` through ${name}`;
    return [
      {
        file,
        line: read.line,
        message: `${rule} reads input${through}, but no request is at hand when policies are compiled`,
        hint: `${rule} follows from data.catalog alone; only ${decision} has an input`,
      },
    ];
  }
  return [];
}

/** Whoever reads the input elsewhere expects an answer that never comes. */
function checkIdleInput(reach: RuleReach, unit: PolicyUnit, decision: string): Problem[] {
  const judged = [decision, ...unit.emits.map(({ rule }) => rule)].flatMap((rule) =>
    reach.from(rule),
  );
  return reach.all().flatMap((definition) => {
    const read = definition.references.find(({ root }) => root === 'input');
    if (read === undefined || judged.includes(definition)) return [];
    return [
      {
        file: definition.file,
        line: read.line,
        message: `${definition.name} reads input, which is there for ${decision} alone`,
        hint: `${decision} does not use ${definition.name}`,
      },
    ];
  });
}

/** Whether a rule is one that decides requests in the form that can be told apart from the others. */
export function checkDecision(rule: RegoRule, at: { file: string; line: number }): Problem[] {
  if (rule.truth !== undefined || rule.isDefaultFalse) return [];
  return [
    {
      ...at,
      message: `${rule.name} must be true where a request is allowed`,
      hint: `write "${rule.name} if { … }", one rule for each case, without else; whatever no rule allows is refused`,
    },
  ];
}
