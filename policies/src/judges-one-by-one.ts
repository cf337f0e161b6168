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
 * the set has one `some candidate in input.candidates`, in its own body, speaks of the caller and the operation of
 * that candidate, and nothing else looks at `input`. Then asking about some candidates and about the others gives
 * together what asking about all gives. Wary: `false` says nothing.
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
  const { body, head } = rule as { body?: unknown; head?: { ref?: Node[]; key?: Node } };
  const looks = inputReferences(rule);
  if (head?.ref?.[0]?.value !== set) return looks === 0;
  if (looks !== 1 || !Array.isArray(body)) return false;
  const candidate = body.map(candidateOf).find((name) => name !== undefined);
  return (
    candidate !== undefined &&
    ['caller', 'operation'].every((name) => isMemberOf(candidate, name, head.key))
  );
}

/** The variable of `some <variable> in input.candidates`: a declaration of one call of `internal.member_2`. */
function candidateOf(expression: unknown): string | undefined {
  const { terms, negated } = expression as Node;
  const symbols = (terms as Node | undefined)?.symbols;
  if (negated === true || !Array.isArray(symbols) || symbols.length !== 1) return undefined;
  const [symbol] = symbols as Node[];
  if (symbol?.type !== 'call' || !Array.isArray(symbol.value)) return undefined;
  const [operator, variable, collection] = symbol.value as Node[];
  const isMembership =
    pathOf(operator)?.join('.') === 'internal.member_2' &&
    pathOf(collection)?.join('.') === 'input.candidates';
  return isMembership && variable?.type === 'var' ? String(variable.value) : undefined;
}

/** Whether an object has `"<name>": <variable>.<name>`. */
function isMemberOf(variable: string, name: string, object: Node | undefined): boolean {
  if (object?.type !== 'object' || !Array.isArray(object.value)) return false;
  return (object.value as [Node, Node][]).some(
    ([key, value]) =>
      key.type === 'string' &&
      key.value === name &&
      pathOf(value)?.join('.') === `${variable}.${name}`,
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
