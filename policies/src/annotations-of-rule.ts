import type { Witness } from '@dotline/model/edge';
import type { RegoAnnotation } from './rego-annotation.js';
import type { RegoModule, RegoRule } from './rego-module.js';

/** What a rule's proof shows of its annotations. */
type Stated = Pick<Witness, 'title' | 'owner' | 'ticket' | 'expires'>;

/**
 * Says of each rule of a unit what people annotated: the nearest `# METADATA` that says it wins, in the order of
 * scopes rule, document, package, subpackages (https://www.openpolicyagent.org/docs/policy-language#annotations).
 * A block of a document or package speaks for its rules in all files; a package's title is not one of its rules'.
 */
export function annotationsOfRules(
  modules: readonly RegoModule[],
): (module: RegoModule, rule: RegoRule) => Stated {
  const documents = new Map<string, RegoAnnotation[]>();
  const packages = new Map<string, RegoAnnotation[]>();
  for (const { package: name, annotations, rules } of modules) {
    for (const annotation of annotations) add(packages, `${name} ${annotation.scope}`, annotation);
    for (const rule of rules) {
      for (const annotation of scoped(rule, 'document')) {
        add(documents, `${name} ${rule.name}`, annotation);
      }
    }
  }
  return (module, rule) => {
    const document = documents.get(`${module.package} ${rule.name}`) ?? [];
    const own = [...scoped(rule, 'rule'), ...document];
    const parents = parentsOf(module.package).flatMap(
      (name) => packages.get(`${name} subpackages`) ?? [],
    );
    const nearest = [...own, ...(packages.get(`${module.package} package`) ?? []), ...parents];
    const stated: { -readonly [Key in keyof Stated]: Stated[Key] } = {};
    for (const key of ['title', 'owner', 'ticket', 'expires'] as const) {
      const from = key === 'title' ? own : nearest;
      const value = from.find((annotation) => annotation[key] !== undefined)?.[key];
      if (value !== undefined) stated[key] = value;
    }
    return stated;
  };
}

function scoped(rule: RegoRule, scope: RegoAnnotation['scope']): RegoAnnotation[] {
  return rule.annotations.filter((annotation) => annotation.scope === scope);
}

/** `a.b.c`, `a.b`, `a`. */
function parentsOf(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('.'));
}

function add<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
