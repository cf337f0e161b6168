import type { ParsedSource } from './parsed-source.js';
import type { RegoDefinition } from './rego-definition.js';

/** A rule or import with the file that it stands in. */
interface Placed extends RegoDefinition {
  readonly file: string;
}

/**
 * What a unit's rules lead to. Rules are taken by name, whatever their package, and every name that occurs
 * in a rule is taken for a rule of that name: it may find more than is evaluated, and never less.
 */
export class RuleReach {
  readonly #byName = new Map<string, Placed[]>();

  constructor(parsed: readonly ParsedSource[]) {
    for (const { source, module } of parsed) {
      for (const definition of module.definitions) {
        const same = this.#byName.get(definition.name) ?? [];
        this.#byName.set(definition.name, same);
        same.push({ ...definition, file: source.file });
      }
    }
  }

  /** Every rule and import of the unit. */
  all(): readonly Placed[] {
    return [...this.#byName.values()].flat();
  }

  /** Everything that evaluating the rules of a name may lead to, these rules first. */
  from(name: string): readonly Placed[] {
    const reached = new Set<string>([name]);
    const found: Placed[] = [];
    // A set grows while it is iterated.
    for (const next of reached) {
      for (const definition of this.#byName.get(next) ?? []) {
        found.push(definition);
        for (const used of this.#namesIn(definition)) reached.add(used);
      }
    }
    return found;
  }

  *#namesIn({ names, members, references }: Placed): Generator<string> {
    yield* names;
    for (const { root, path } of references) if (root === 'data') yield* path;
    for (const [root, parts] of members) {
      if (this.#byName.get(root)?.some(({ isImport }) => isImport)) yield* parts;
    }
  }
}
