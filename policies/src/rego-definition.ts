import { z } from 'zod';
import { type CatalogPath, EVERY_KEY } from './catalog-path.js';

/** A reference to `data` or `input`, such as `data.catalog.services`. */
export interface RegoReference {
  readonly root: 'data' | 'input';
  /** The constant part that follows the root, such as `["catalog", "services"]`. */
  readonly path: readonly string[];
  /** All that follows the root; what is only known at evaluation may be every key. */
  readonly keys: CatalogPath;
  readonly line: number;
}

/** Something that has a name in a file: a rule, or an import. */
export interface RegoDefinition {
  /** Of an import, the name by which the file knows it. */
  readonly name: string;
  readonly isImport: boolean;
  readonly line: number;
  /** Every name that occurs in it, variables among them. */
  readonly names: ReadonlySet<string>;
  /** Constant parts of references that begin with such a name: `helpers.owner` gives `owner` for `helpers`. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  readonly references: readonly RegoReference[];
}

/** The part of an import in OPA's syntax tree that names it. */
const Import = z.object({
  alias: z.string().optional(),
  location: z.object({ row: z.number() }),
  path: z.object({ value: z.array(z.object({ value: z.unknown() })).min(1) }),
});

/** What an import defines; `import data.a.b` is known as `b`. */
export function definitionOfImport(tree: unknown): RegoDefinition {
  const { alias, location, path } = Import.parse(tree);
  const name = alias ?? String(path.value.at(-1)?.value);
  return { name, isImport: true, line: location.row, ...contentOf(tree) };
}

/** What a rule defines. */
export function definitionOfRule(name: string, line: number, tree: unknown): RegoDefinition {
  return { name, isImport: false, line, ...contentOf(tree) };
}

interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly location?: { readonly row?: unknown };
}

type Content = Pick<RegoDefinition, 'names' | 'members' | 'references'>;

/** Walks the tree without recursion, so that a deeply nested policy cannot exhaust the stack. */
function contentOf(tree: unknown): Content {
  const names = new Set<string>();
  const members = new Map<string, Set<string>>();
  const references: RegoReference[] = [];
  const pending: unknown[] = [tree];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    const node: Node = next;
    if (node.type === 'var') names.add(String(node.value));
    if (node.type === 'ref' && Array.isArray(node.value)) {
      const [root, ...rest] = node.value as Node[];
      const dynamic = rest.findIndex((part) => part.type !== 'string');
      const constant = dynamic === -1 ? rest : rest.slice(0, dynamic);
      const path = constant.map((part) => String(part.value));
      const line = Number(node.location?.row ?? root?.location?.row ?? 1);
      if (root?.type === 'var' && (root.value === 'data' || root.value === 'input')) {
        const keys = rest.map(({ type, value }) => (type === 'string' ? String(value) : EVERY_KEY));
        references.push({ root: root.value, path, keys, line });
      } else if (root?.type === 'var') {
        const known = members.get(String(root.value)) ?? new Set();
        members.set(String(root.value), known);
        for (const part of path) known.add(part);
      }
    }
    for (const child of Object.values(next)) pending.push(child);
  }
  return { names, members, references };
}
