import { readMeshPeople } from '@dotline/model/mesh-people';
import { git, splitAtNul } from '@dotline/platform-process/git';
import { parse } from 'yaml';
import { z } from 'zod';
import { type MeshBranch, pathInMesh, treeOf } from './mesh-branch.js';
import type { OwnedChange } from './ownership.js';
import { foldersAbove } from './path-owner.js';

const TeamOfService = z.looseObject({ team: z.string() });

/** The paths that differ between two commits, relative to the mesh directory; all of them without a first one. */
export async function changedPaths(
  mesh: MeshBranch,
  before: string | undefined,
  after: string,
): Promise<string[]> {
  const from = before ?? (await git(mesh, ['hash-object', '-t', 'tree', '--stdin'], { input: '' }));
  const names = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, after];
  const paths = splitAtNul(await git(mesh, names));
  return paths.flatMap((path) => pathInMesh(mesh, path) ?? []);
}

/**
 * Reads who owns what a push changes. The people are those of the commit before, so that nobody gives
 * himself a right by the push that uses it; the first push of all is judged by what it brings.
 * @throws MeshError when the people cannot be read, GitError when there is no `mesh.yaml`
 */
export async function readOwnedChange(
  mesh: MeshBranch,
  before: string | undefined,
  after: string,
): Promise<OwnedChange> {
  const judging = before ?? after;
  const [text, paths] = await Promise.all([
    git(mesh, [
      'cat-file',
      'blob',
      `${treeOf(mesh, judging)}${mesh.folder === '' ? '' : '/'}mesh.yaml`,
    ]),
    changedPaths(mesh, before, after),
  ]);
  const folders = [
    ...new Set(paths.filter((path) => path.startsWith('services/')).flatMap(foldersAbove)),
  ];
  const [servicesBefore, servicesAfter] = await Promise.all([
    before === undefined ? new Map<string, string>() : serviceTeams(mesh, before, folders),
    serviceTeams(mesh, after, folders),
  ]);
  const people = readMeshPeople(text);
  return {
    ...{ people, isFirst: before === undefined, commit: judging.slice(0, 10) },
    ...{ paths, servicesBefore, servicesAfter },
  };
}

/** The team of each folder that is a service's at a commit. */
async function serviceTeams(
  mesh: MeshBranch,
  commit: string,
  folders: readonly string[],
): Promise<Map<string, string>> {
  const slash = mesh.folder === '' ? '' : '/';
  const teams = new Map<string, string>();
  if (folders.length === 0) return teams;
  const listed = await git(mesh, [
    ...['ls-tree', '-z', '--name-only', '--full-tree', commit, '--'],
    ...folders.map((folder) => `${mesh.folder}${slash}${folder}/service.yaml`),
  ]);
  for (const path of splitAtNul(listed)) {
    const folder = pathInMesh(mesh, path.slice(0, -'/service.yaml'.length));
    const file = await git(mesh, ['cat-file', 'blob', `${commit}:${path}`]);
    const team = teamIn(file);
    if (folder !== undefined && team !== undefined) teams.set(folder, team);
  }
  return teams;
}

/** `undefined` when nobody can read the file, which keeps the commit from going live anyway. */
function teamIn(file: string): string | undefined {
  try {
    return TeamOfService.safeParse(parse(file)).data?.team;
  } catch {
    return undefined;
  }
}
