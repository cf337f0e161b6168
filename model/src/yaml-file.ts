import { readFileSync } from 'node:fs';
import { type Document, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { MeshError, type Problem } from './mesh-error.js';

/** A validated YAML document that still knows on which line each value stands. */
export interface YamlFile<T> {
  readonly value: T;
  /** 1-based line of the value at a path, or of its nearest existing parent. */
  lineOf(path: readonly PropertyKey[]): number;
}

/**
 * Reads YAML files and validates them. What was read is kept, so a file that is as it was is not parsed
 * again: parsing a mesh of a hundred services takes longer than compiling the change of one.
 */
export class YamlFiles {
  readonly #kept = new Map<string, { text: string; schema: unknown; yaml: unknown }>();

  /**
   * @param file shown in problems, relative to the mesh directory
   * @throws MeshError with every problem of the file: unreadable, not YAML, not as the schema says
   */
  read<T>(path: string, file: string, schema: z.ZodType<T>): YamlFile<T> {
    const text = readText(path, file);
    const kept = this.#kept.get(path);
    // The schema that made a value is its type.
    if (kept?.text === text && kept.schema === schema) return kept.yaml as YamlFile<T>;
    const yaml = parseYamlFile(text, file, schema);
    this.#kept.set(path, { text, schema, yaml });
    return yaml;
  }

  /** Forgets what is kept of all other files. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#kept.keys()) {
      if (!paths.has(path)) this.#kept.delete(path);
    }
  }
}

/** Waiting for a small file costs many times what reading it does. */
function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new MeshError([{ file, line: 1, message: `cannot be read: ${code ?? message}` }]);
  }
}

/** The same for text that is already in memory. */
export function parseYamlFile<T>(text: string, file: string, schema: z.ZodType<T>): YamlFile<T> {
  const { document, lines } = parse(text);
  if (document.errors.length > 0) {
    throw new MeshError(
      document.errors.map((error) => ({
        file,
        line: error.linePos?.[0].line ?? 1,
        message: `not valid YAML: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? ''}`,
      })),
    );
  }
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!result.success) {
    const lineOf = (at: readonly PropertyKey[]) => lineAt(document, lines, at);
    throw new MeshError(
      result.error.issues.flatMap((issue) =>
        problemsOf(issue, file, lineOf, (at) => document.hasIn(at)),
      ),
    );
  }
  // A syntax tree is many times its text, and of a good file hardly anybody asks for a line.
  let again: ReturnType<typeof parse> | undefined;
  return {
    value: result.data,
    lineOf: (at) => {
      again ??= parse(text);
      return lineAt(again.document, again.lines, at);
    },
  };
}

function parse(text: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines }), lines };
}

function problemsOf(
  issue: z.core.$ZodIssue,
  file: string,
  lineOf: (path: readonly PropertyKey[]) => number,
  isPresent: (path: readonly PropertyKey[]) => boolean,
): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      file,
      line: lineOf([...issue.path, key]),
      message: `unknown field ${[...issue.path, key].join('.')}`,
      hint: 'remove it or check its spelling',
    }));
  }
  const line = lineOf(issue.path);
  const field = issue.path.join('.');
  if (field !== '' && !isPresent(issue.path))
    return [{ file, line, message: `${field} is missing` }];
  return [{ file, line, message: field === '' ? issue.message : `${field}: ${issue.message}` }];
}

function lineAt(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    const offset = node?.range?.[0];
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}
