import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { teamsOf } from '@dotline/mesh-repository/ownership';
import { loadMesh } from '@dotline/model/load-mesh';
import { readMeshPeople } from '@dotline/model/mesh-people';
import { meshFolders } from '@dotline/runner/mesh-state';
import { meshTokens } from './git-serve.js';

/** `dotline git token`. @throws MeshError, RepositoryError */
export async function gitToken(
  person: string,
  { mesh, revoke }: { readonly mesh: string; readonly revoke?: boolean },
): Promise<void> {
  await loadMesh(mesh);
  const tokens = meshTokens(await meshFolders(mesh));
  if (revoke) {
    const count = await tokens.revoke(person);
    console.log(count === 0 ? `${person} has no token.` : `${person} can push no more.`);
    return;
  }
  const token = await tokens.add(person);
  const teams = teamsOf(readMeshPeople(await readFile(join(mesh, 'mesh.yaml'), 'utf8')), person);
  // The token alone on standard output, so that a script can take it.
  console.error(
    teams.length === 0
      ? `${person} is in no team of mesh.yaml: may fetch, and push what is no team's.`
      : `${person} may push for: ${teams.join(', ')}.`,
  );
  console.error(`Git asks for a name (${person}) and a password, which is this token:`);
  console.log(token);
}
