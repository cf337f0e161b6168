/** Whose a path of the mesh directory is. */
export type PathOwner =
  | { readonly kind: 'platform' }
  | { readonly kind: 'team'; readonly team: string }
  /** A part of the repository that is nobody's in particular, such as code that services share. */
  | { readonly kind: 'everybody' }
  /** What a running mesh keeps beside its content; no commit may touch it. */
  | { readonly kind: 'state' };

const EVERYBODY: PathOwner = { kind: 'everybody' };
const PLATFORM: PathOwner = { kind: 'platform' };

/** Where a mesh is read from: each has to stay a folder. */
const FOLDERS = new Set([
  'services',
  'policies',
  'policies/teams',
  'policies/platform',
  'slo',
  'slo',
  'slo/objectives',
]);

/** Whether a mesh is read from a path; with other files, such as code, all of it stays as it is. */
export function isMeshContent(path: string): boolean {
  const isFile = /^(mesh\.yaml|(services|policies|slo)\/.*\.(ya?ml|rego))$/.test(path);
  return isFile || FOLDERS.has(path);
}

/**
 * The owner of a path, relative to the mesh directory.
 * @param serviceTeams team by folder of a service, such as `services/uber/fare`
 */
export function ownerOf(path: string, serviceTeams: ReadonlyMap<string, string>): PathOwner {
  const [top, second, third] = path.split('/');
  if (top === '.dotline') return { kind: 'state' };
  if (path === 'mesh.yaml' || FOLDERS.has(path)) return PLATFORM;
  if (top === 'policies' && second === 'platform') return PLATFORM;
  const isTeams =
    (top === 'policies' && second === 'teams') || (top === 'slo' && second === 'objectives');
  if (isTeams && third !== undefined) return { kind: 'team', team: third };
  if (top !== 'services') return EVERYBODY;
  for (const folder of foldersAbove(path)) {
    const team = serviceTeams.get(folder);
    if (team !== undefined) return { kind: 'team', team };
  }
  return EVERYBODY;
}

/** The folders that hold a path, from the nearest one up to its first. */
export function foldersAbove(path: string): string[] {
  const segments = path.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, segments.length - index).join('/'));
}
