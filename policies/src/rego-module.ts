import { z } from 'zod';
import { type RegoAnnotation, readAnnotation, SyntaxAnnotation } from './rego-annotation.js';

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
    ref: z.array(z.object({ value: z.unknown() })).min(1),
  }),
  location: Location,
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
}

/** A reference to `data` or `input`, such as `data.catalog.services`. */
export interface RegoReference {
  readonly root: 'data' | 'input';
  /** The constant part that follows the root, such as `["catalog", "services"]`. */
  readonly path: readonly string[];
  readonly line: number;
}

export interface RegoModule {
  /** Without `data`, such as `mesh.teams.rides`. */
  readonly package: string;
  readonly packageLine: number;
  /** `# METADATA` of the package, of `scope: package` or `scope: subpackages`. */
  readonly annotations: readonly RegoAnnotation[];
  readonly rules: readonly RegoRule[];
  readonly references: readonly RegoReference[];
}

/** Reads the output of `opa parse`. Throws a ZodError when it is not the syntax tree of OPA 1. */
export function readRegoModule(json: unknown): RegoModule {
  const tree = Tree.parse(json);
  return {
    package: tree.package.path
      .slice(1)
      .map((part) => part.value)
      .join('.'),
    packageLine: tree.package.location.row,
    annotations: (tree.annotations ?? [])
      .filter(({ scope }) => scope === 'package' || scope === 'subpackages')
      .map(readAnnotation),
    rules: (tree.rules ?? []).map(toRule),
    references: [...referencesIn([tree.imports, (json as { rules?: unknown }).rules])],
  };
}

function toRule(rule: z.infer<typeof Rule>): RegoRule {
  return {
    name: String(rule.head.ref[0]?.value),
    line: rule.location.row,
    annotations: (rule.annotations ?? []).map(readAnnotation),
    element: toElement(rule),
  };
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

interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly location?: { readonly row?: unknown };
}

/** Walks the tree without recursion, so that a deeply nested policy cannot exhaust the stack. */
function* referencesIn(tree: unknown): Generator<RegoReference> {
  const pending: unknown[] = [tree];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    const node: Node = next;
    if (node.type === 'ref' && Array.isArray(node.value)) {
      const [root, ...rest] = node.value as Node[];
      if (root?.type === 'var' && (root.value === 'data' || root.value === 'input')) {
        const dynamic = rest.findIndex((part) => part.type !== 'string');
        const constant = dynamic === -1 ? rest : rest.slice(0, dynamic);
        yield {
          root: root.value,
          path: constant.map((part) => String(part.value)),
          line: Number(node.location?.row ?? root.location?.row ?? 1),
        };
      }
    }
    for (const child of Object.values(next)) pending.push(child);
  }
}
