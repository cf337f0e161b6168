/** Where a mesh lives in a Git repository, and which branch of it is enforced. */
export interface MeshBranch {
  /** Absolute; of a checkout its `.git`. */
  readonly gitFolder: string;
  /** The live branch, such as `main`. */
  readonly branch: string;
  /** The mesh directory's folder in the repository, such as `meshes/one`; empty at its root. */
  readonly folder: string;
}

/** The content of the mesh's folder at a commit, as Git names it. */
export function treeOf({ folder }: Pick<MeshBranch, 'folder'>, commit: string): string {
  return `${commit}:${folder}`;
}

/** A path of the repository as seen from the mesh directory; `undefined` when it is not in there. */
export function pathInMesh(
  { folder }: Pick<MeshBranch, 'folder'>,
  path: string,
): string | undefined {
  if (folder === '') return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
