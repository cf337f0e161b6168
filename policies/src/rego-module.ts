import { z } from 'zod';
import { judgesOneByOne } from './judges-one-by-one.js';
import { type RegoAnnotation, readAnnotation, SyntaxAnnotation } from './rego-annotation.js';
import {
  definitionOfImport,
  definitionOfRule,
  type RegoDefinition,
  type RegoReference,
} from './rego-definition.js';

/**
 * The part of OPA's syntax tree that the compiler reads
 * (`opa parse --format json --json-include locations`); a location's text is base64.
 */
const Location = z.object({ row: z.number(), text: z.string().optional() });
const Rule = z.object({
  default: z.boolean().optional(),
  annotations: z.array(SyntaxAnnotation).optional(),
  head: z.object({
    location: Location,
    key: z.object({ location: Location }).loose().optional(),
    value: z.unknown().optional(),
    args: z.array(z.unknown()).optional(),
    ref: z.array(z.object({ value: z.unknown() })).min(1),
  }),
  location: Location,
  else: z.unknown().optional(),
});
const Tree = z.object({
  package: z.object({
    location: Location,
    path: z.array(z.object({ value: z.string() })).min(1),
  }),
  imports: z.array(z.unknown()).optional(),
  annotations: z.array(SyntaxAnnotation).optional(),
  rules: z.array(Rule).optional(),
});

/** One rule of a Rego file. */
export interface RegoRule {
  readonly name: string;
  /** 1-based line where the rule starts, below its annotations. */
  readonly line: number;
  /** Its `# METADATA`, of `scope: rule` or `scope: document`. */
  readonly annotations: readonly RegoAnnotation[];
  /** Present when the rule is `<name> contains <key> …`, the form that adds to a set. */
  readonly element: { readonly key: string; readonly body: string } | undefined;
  /** Present when the rule is `<name> if …` or `<name> := true …`, the form that is true where its body holds. */
  readonly truth: { readonly body: string } | undefined;
  /** Whether it is `default <name> := false`. */
  readonly isDefaultFalse: boolean;
}

export interface RegoModule {
  /** Without `data`, such as `mesh.teams.rides`. */
  readonly package: string;
  readonly packageLine: number;
  /** `# METADATA` of the package, of `scope: package` or `scope: subpackages`. */
  readonly annotations: readonly RegoAnnotation[];
  readonly rules: readonly RegoRule[];
  readonly references: readonly RegoReference[];
  /** Whether `deny` says of each candidate the same, whatever the others are; `false` says nothing. */
  readonly judgesOneByOne: boolean;
  /** Rules and imports, in the order of the file. */
  readonly definitions: readonly RegoDefinition[];
}

/** Reads the output of `opa parse`. Throws a ZodError when it is not the syntax tree of OPA 1. */
export function readRegoModule(json: unknown): RegoModule {
  const tree = Tree.parse(json);
  const rules = tree.rules ?? [];
  // The parsed tree lacks what its schema does not name.
  const whole = json as { readonly rules?: readonly unknown[] };
  const definitions = [
    ...(tree.imports ?? []).map(definitionOfImport),
    ...rules.map((rule, index) =>
      definitionOfRule(nameOf(rule), rule.location.row, whole.rules?.[index]),
    ),
  ];
  return {
    package: tree.package.path
      .slice(1)
      .map((part) => part.value)
      .join('.'),
    packageLine: tree.package.location.row,
    annotations: (tree.annotations ?? [])
      .filter(({ scope }) => scope === 'package' || scope === 'subpackages')
      .map(readAnnotation),
    rules: rules.map(toRule),
    references: definitions.flatMap(({ references }) => references),
    definitions,
    get judgesOneByOne() {
      return judgesOneByOne(json, 'deny');
    },
  };
}

function nameOf(rule: z.infer<typeof Rule>): string {
  return String(rule.head.ref[0]?.value);
}

function toRule(rule: z.infer<typeof Rule>): RegoRule {
  return {
    name: nameOf(rule),
    line: rule.location.row,
    annotations: (rule.annotations ?? []).map(readAnnotation),
    element: toElement(rule),
    truth: toTruth(rule),
    isDefaultFalse: rule.default === true && isConstant(rule.head.value, false),
  };
}

/** The text of the body of a rule whose value is the constant true, without `else`, arguments or key. */
function toTruth(rule: z.infer<typeof Rule>) {
  const { head, location } = rule;
  const [text, headText] = [decode(location), decode(head.location)];
  if (rule.default || rule.else !== undefined || !isConstant(head.value, true)) return undefined;
  if (head.key !== undefined || head.args !== undefined || head.ref.length > 1) return undefined;
  // The second of several bodies is a rule whose head has the text of the body.
  if (!headText.startsWith(nameOf(rule)) || !text.startsWith(headText)) return undefined;
  return { body: text.slice(headText.length) };
}

function isConstant(term: unknown, value: boolean): boolean {
  const { type, value: own } = (term ?? {}) as {
    readonly type?: unknown;
    readonly value?: unknown;
  };
  return type === 'boolean' && own === value;
}

/**
 * The texts of `<name> contains <key> <body>`. A rule of another form has none: `needs := …`, `needs[x] if …`,
 * `needs.a contains …`, and the second body of `needs contains x if {…} {…}`.
 */
function toElement({ head, location, default: isDefault }: z.infer<typeof Rule>) {
  const name = String(head.ref[0]?.value);
  const text = decode(location);
  const headText = decode(head.location);
  const key = head.key === undefined ? '' : decode(head.key.location);
  if (isDefault || key === '' || head.value !== undefined || head.ref.length > 1) return undefined;
  // The second of several bodies is a rule whose head and key have the text of the body.
  if (!headText.startsWith(name) || !text.startsWith(headText) || !headText.endsWith(key))
    return undefined;
  return { key, body: text.slice(headText.length) };
}

function decode(location: z.infer<typeof Location>): string {
  return Buffer.from(location.text ?? '', 'base64').toString('utf8');
}
