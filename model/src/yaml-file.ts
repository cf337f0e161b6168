import { readFile } from 'node:fs/promises';
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
 * Reads a YAML file and validates it.
 * @param file shown in problems, relative to the mesh directory
 * @throws MeshError with every problem of the file: unreadable, not YAML, not as the schema says
 */
export async function readYamlFile<T>(
  path: string,
  file: string,
  schema: z.ZodType<T>,
): Promise<YamlFile<T>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new MeshError([
      { file, line: 1, message: `cannot be read: ${error.code ?? error.message}` },
    ]);
  });
  return parseYamlFile(text, file, schema);
}

/** The same for text that is already in memory. */
export function parseYamlFile<T>(text: string, file: string, schema: z.ZodType<T>): YamlFile<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new MeshError(
      document.errors.map((error) => ({
        file,
        line: error.linePos?.[0].line ?? 1,
        message: `not valid YAML: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? ''}`,
      })),
    );
  }
  const lineOf = (at: readonly PropertyKey[]) => lineAt(document, lines, at);
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!result.success) {
    throw new MeshError(
      result.error.issues.flatMap((issue) =>
        problemsOf(issue, file, lineOf, (at) => document.hasIn(at)),
      ),
    );
  }
  return { value: result.data, lineOf };
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
