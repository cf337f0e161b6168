import type { Problem } from '@dotline/model/mesh-error';
import { checkDecision } from './check-request-rules.js';
import type { PolicyUnit } from './policy-unit.js';
import type { RegoReference } from './rego-definition.js';
import type { RegoModule, RegoRule } from './rego-module.js';

/** Names with this prefix are the compiler's own. */
export const RESERVED_PREFIX = 'dotline_';

/** What OPA cannot know: who owns a package, which sets a team emits and in which form, what it may read. */
export function checkModule(unit: PolicyUnit, file: string, module: RegoModule): Problem[] {
  if (!isWithin(module.package, unit.package)) return [foreignPackage(unit, file, module)];
  return [
    ...checkAnnotations(unit, file, module),
    ...module.rules.flatMap((rule) => checkRule(unit, file, module, rule)),
    ...module.references.flatMap((reference) => checkReference(unit, file, reference)),
  ];
}

function isWithin(name: string, parent: string): boolean {
  return name === parent || name.startsWith(`${parent}.`);
}

function foreignPackage(unit: PolicyUnit, file: string, module: RegoModule): Problem {
  const whose = unit.kind === 'team' ? `team ${unit.owner}` : 'the platform';
  const packages =
    unit.kind === 'team' ? [unit.package] : unit.emits.map((emitted) => emitted.package);
  return {
    file,
    line: module.packageLine,
    message: `package ${module.package} is not ${whose}'s to define`,
    hint: `files in this folder start with ${packages.map((name) => `"package ${name}"`).join(' or ')}`,
  };
}

function checkAnnotations(unit: PolicyUnit, file: string, module: RegoModule): Problem[] {
  const all = [...module.annotations, ...module.rules.flatMap((rule) => rule.annotations)];
  const idle = module.rules
    .filter(({ name }) => !unit.emits.some((set) => set.rule === name))
    .filter(({ name }) => name !== unit.decides?.rule)
    .flatMap((rule) => rule.annotations.map((annotation) => ({ rule, annotation })))
    .filter(({ annotation }) => annotation.expires !== undefined)
    .map(({ rule, annotation }) => ({
      file,
      line: annotation.line,
      message: `${rule.name} cannot expire`,
      hint: `set custom.expires above the rules of ${unit.emits.map((set) => set.rule).join(' and ')} that use it`,
    }));
  return [...all.flatMap(({ faults }) => faults.map((fault) => ({ file, ...fault }))), ...idle];
}

function checkRule(unit: PolicyUnit, file: string, module: RegoModule, rule: RegoRule): Problem[] {
  const at = { file, line: rule.line };
  if (rule.name.startsWith(RESERVED_PREFIX)) {
    return [
      { ...at, message: `${rule.name}: names that start with ${RESERVED_PREFIX} are reserved` },
    ];
  }
  const decision = [unit.decides].flatMap((each) => each ?? []);
  const emitted = [...unit.emits, ...decision].filter((set) => set.rule === rule.name);
  if (emitted.length === 0) return [];
  if (!emitted.some((set) => set.package === module.package)) {
    const home = emitted.map((set) => set.package).join(' or ');
    return [
      {
        ...at,
        message: `${rule.name} has no effect in package ${module.package}`,
        hint: `move the rule to package ${home}, or give it another name`,
      },
    ];
  }
  if (rule.name === unit.decides?.rule) return checkDecision(rule, at);
  if (rule.element !== undefined) return [];
  return [
    {
      ...at,
      message: `${rule.name} must be a set to which each rule adds`,
      hint: `write "${rule.name} contains {…} if { … }", one rule for each body`,
    },
  ];
}

function checkReference(unit: PolicyUnit, file: string, reference: RegoReference): Problem[] {
  const at = { file, line: reference.line };
  // Which of a team's rules may read the input is for its files together to tell.
  if (reference.root === 'input') return [];
  const path = reference.path.join('.');
  if (isWithin(path, 'catalog') || isWithin(path, unit.package)) return [];
  return [
    {
      ...at,
      message: `${path === '' ? 'data as a whole' : `data.${path}`} is not visible here`,
      hint: `policies see data.catalog and data.${unit.package}`,
    },
  ];
}
