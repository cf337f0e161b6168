import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow } from '@dotline/model/load-mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { Opa } from './opa.js';
import { OpaError } from './opa-error.js';
import { sortProblems } from './opa-problems.js';

/** So that a command line stays short enough. */
const FILES_AT_ONCE = 500;
/** Where people write Rego, relative to the mesh directory. */
const FOLDERS = ['policies/teams', 'policies/platform'];

export interface FormatOptions {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
  /** Whether files stay as they are, and only their names are told. */
  readonly checkOnly: boolean;
}

export interface FormatResult {
  /** Files that were, or would be, written otherwise; relative to the mesh directory, sorted. */
  readonly changed: readonly string[];
  /** Files that do not parse. */
  readonly problems: readonly Problem[];
}

/**
 * Formats the Rego of a mesh directory, rules and tests, with `opa fmt`. When a file does not parse, the others
 * are formatted all the same.
 * @throws OpaError when OPA is missing, of an unsupported version, or failed
 */
export async function formatPolicies(
  directory: string,
  { opaPath, checkOnly }: FormatOptions,
): Promise<FormatResult> {
  const opa = await Opa.open(opaPath);
  if (!existsSync(join(directory, 'mesh.yaml'))) {
    const hint = 'name the mesh directory with --mesh';
    return { changed: [], problems: [{ file: 'mesh.yaml', line: 1, message: 'is missing', hint }] };
  }
  const files = await regoFiles(directory);
  const changed: string[] = [];
  const problems: Problem[] = [];
  for (let start = 0; start < files.length; start += FILES_AT_ONCE) {
    const found = await listUnformatted(opa, directory, files.slice(start, start + FILES_AT_ONCE));
    problems.push(...found.problems);
    changed.push(...found.changed);
    if (checkOnly || found.changed.length === 0) continue;
    const { exitCode, stderr } = await opa.run(['fmt', '--write', ...found.changed], directory);
    if (exitCode !== 0) throw new OpaError('failed', opa.path, `opa fmt --write: ${stderr.trim()}`);
  }
  return { changed, problems: sortProblems(problems) };
}

/** `opa fmt` ends at the first file that does not parse, so it is asked again without that one. */
async function listUnformatted(
  opa: Opa,
  directory: string,
  files: readonly string[],
): Promise<{ changed: string[]; problems: Problem[] }> {
  const problems: Problem[] = [];
  let rest = files;
  while (rest.length > 0) {
    const { exitCode, stdout, stderr } = await opa.run(['fmt', '--list', ...rest], directory);
    if (exitCode === 0) {
      return { changed: stdout.split('\n').filter((line) => line !== ''), problems };
    }
    const found = readErrors(stderr);
    const broken = new Set(found.map(({ file }) => file));
    const good = rest.filter((file) => !broken.has(file));
    if (good.length === rest.length) {
      throw new OpaError('failed', opa.path, `opa fmt: ${stderr.trim()}`);
    }
    problems.push(...found);
    rest = good;
  }
  return { changed: [], problems };
}

/** `<file>:<line>: rego_parse_error: <message>` after some words, each with lines of the source below it. */
function readErrors(stderr: string): Problem[] {
  return stderr.split('\n').flatMap((line) => {
    const [, file, row, message] =
      /^(?:failed to format .*?occurred: )?(\S.*?\.rego):(\d+): (?:rego_\w+: )?(.*)$/.exec(line) ??
      [];
    if (file === undefined || message === undefined) return [];
    return [{ file, line: Math.max(1, Number(row)), message }];
  });
}

async function regoFiles(directory: string): Promise<string[]> {
  const paths = await Promise.all(FOLDERS.map((folder) => filesBelow(join(directory, folder))));
  return paths
    .flat()
    .filter((path) => path.endsWith('.rego'))
    .map((path) => relative(directory, path))
    .sort();
}
