/** A node of OPA's syntax tree, as far as this file looks. */
interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly terms?: unknown;
  readonly symbols?: unknown;
  readonly negated?: unknown;
}

/**
 * Whether the rules of a file say of each of `input.candidates` the same, whatever the others are: each rule of
 * the set has at most one `some … in input.candidates`, in its own body, and nothing else looks at `input`.
 * Then asking about some candidates and about the others gives together what asking about all gives.
 * Wary: `false` says nothing.
 *
 * @param tree the output of `opa parse`
 * @param set the name of the rules that are asked
 */
export function judgesOneByOne(tree: unknown, set: string): boolean {
  const { imports, rules } = tree as { imports?: unknown; rules?: unknown };
  if (inputReferences(imports) > 0) return false;
  return !Array.isArray(rules) || rules.every((rule) => ruleJudgesOneByOne(rule, set));
}

function ruleJudgesOneByOne(rule: unknown, set: string): boolean {
  const { body, head } = rule as { body?: unknown; head?: { ref?: Node[] } };
  const looks = inputReferences(rule);
  if (looks === 0) return true;
  if (looks > 1 || head?.ref?.[0]?.value !== set || !Array.isArray(body)) return false;
  return body.some(isSomeCandidate);
}

/** `some <whatever> in input.candidates`: a declaration of one call of `internal.member_2`. */
function isSomeCandidate(expression: unknown): boolean {
  const { terms, negated } = expression as Node;
  const symbols = (terms as Node | undefined)?.symbols;
  if (negated === true || !Array.isArray(symbols) || symbols.length !== 1) return false;
  const [symbol] = symbols as Node[];
  if (symbol?.type !== 'call' || !Array.isArray(symbol.value)) return false;
  const [operator, , collection] = symbol.value as Node[];
  return (
    pathOf(operator)?.join('.') === 'internal.member_2' &&
    pathOf(collection)?.join('.') === 'input.candidates'
  );
}

function pathOf(node: Node | undefined): string[] | undefined {
  if (node?.type !== 'ref' || !Array.isArray(node.value)) return undefined;
  return (node.value as Node[]).map((part) => String(part.value));
}

/** How often `input` occurs below a node. Without recursion, so that nesting cannot exhaust the stack. */
function inputReferences(tree: unknown): number {
  const pending: unknown[] = [tree];
  let found = 0;
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    const { type, value }: Node = next;
    if (type === 'var' && value === 'input') found++;
    for (const child of Object.values(next)) pending.push(child);
  }
  return found;
}
