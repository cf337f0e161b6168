/**
 * The elements of an emitted set as they are kept on disk: values that occur often, such as a service's name, once,
 * and all else in numbers, which are read many times faster than objects.
 */
export interface PackedRows {
  /** Names of the members that relations have, for each combination that occurs. */
  readonly shapes: readonly (readonly string[])[];
  /** Distinct values of members. */
  readonly values: readonly unknown[];
  /** For each element its shape, its rule, and its members' values, each by its index. */
  readonly cells: readonly number[];
}

interface Row {
  readonly rule: number;
  readonly relation: Readonly<Record<string, unknown>>;
}

/** Packs elements that all are a rule and a plain relation; nothing if one is not. */
export function packRows(rows: unknown): PackedRows | undefined {
  if (!Array.isArray(rows) || !rows.every(isRow)) return undefined;
  const shapes = new Index<readonly string[]>();
  const values = new Index<unknown>();
  const packed = rows.map(({ rule, relation }) => {
    // Backwards, services come before their operations and these before their callers: the order of relations.
    const names = Object.keys(relation).sort().reverse();
    const texts = names.map((name) => JSON.stringify(relation[name]));
    const cells = names.map((name, at) => values.of(texts[at] ?? '', relation[name]));
    return {
      text: texts.join(' '),
      cells: [shapes.of(JSON.stringify(names), names), rule, ...cells],
    };
  });
  // Elements come out of an evaluation in no order; who reads them again shall not sort them again.
  packed.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return {
    shapes: shapes.items,
    values: values.items,
    cells: packed.flatMap(({ cells }) => cells),
  };
}

/** The elements in the order in which they were packed. Equal values are the same object. */
export function unpackRows({ shapes, values, cells }: PackedRows): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < cells.length; ) {
    const names = shapes[cells[at++] ?? -1];
    const rule = cells[at++];
    if (names === undefined || rule === undefined) throw new RangeError('rows are damaged');
    const relation: Record<string, unknown> = {};
    for (const name of names) relation[name] = values[cells[at++] ?? -1];
    rows.push({ rule, relation });
  }
  return rows;
}

function isRow(row: unknown): row is Row {
  if (!isRecord(row)) return false;
  const { rule, relation, ...others } = row;
  return (
    Number.isSafeInteger(rule) &&
    isRecord(relation) &&
    !Object.hasOwn(relation, '__proto__') &&
    Object.keys(others).length === 0
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Distinct items in the order in which they came. */
class Index<Item> {
  readonly items: Item[] = [];
  readonly #byText = new Map<string, number>();

  /** @param text the same for equal items alone */
  of(text: string, item: Item): number {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const index = this.items.push(item) - 1;
    this.#byText.set(text, index);
    return index;
  }
}
