import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AccessTokens } from '@dotline/mesh-repository/access-tokens';
import { serveGit } from '@dotline/mesh-repository/git-server';
import { writeHooks } from '@dotline/mesh-repository/hook-files';
import {
  changedByHand,
  ensureMeshCheckout,
  openMeshCheckout,
} from '@dotline/mesh-repository/mesh-checkout';
import { loadMesh } from '@dotline/model/load-mesh';
import { type MeshFolders, meshFolders } from '@dotline/runner/mesh-state';

/** How hooks call this command. */
export const DOTLINE = [
  process.execPath,
  fileURLToPath(new URL('../bin/dotline.js', import.meta.url)),
];
const NAMED_MAX = 5;

interface ServeOptions {
  readonly mesh: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly address?: string;
  /** As the hooks are told. */
  readonly for: string;
}

/** The tokens of a mesh directory's people. */
export function meshTokens({ root }: MeshFolders): AccessTokens {
  return new AccessTokens(join(root, 'git-tokens.json'));
}

/** What calls the command in a hook of `mesh`. */
export function hookArguments(options: {
  readonly mesh?: string;
  readonly address?: string;
  readonly branch?: string;
  readonly folder?: string;
  readonly for: string;
}): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`--${name}`, value],
  );
}

/**
 * Serves the repository of a mesh directory until the process is interrupted.
 * @throws RepositoryError, MeshError
 */
export async function gitServe(options: ServeOptions): Promise<void> {
  const { name } = await loadMesh(options.mesh);
  if (await ensureMeshCheckout(options.mesh)) {
    console.log(
      `${options.mesh} is a Git checkout now, with all of its content in a first commit.`,
    );
  }
  const folders = await meshFolders(options.mesh);
  const { directory, gitFolder, branch } = await openMeshCheckout(options.mesh);
  const hooksFolder = join(folders.root, 'git-hooks');
  const { address } = options;
  const args = hookArguments({
    mesh: directory,
    for: options.for,
    ...(address === undefined ? {} : { address }),
  });
  await writeHooks(hooksFolder, { dotline: DOTLINE, args, branch, checkout: directory });
  const byHand = [...(await changedByHand(directory))];
  if (byHand.length > 0) {
    const more = byHand.length > NAMED_MAX ? ` and ${byHand.length - NAMED_MAX} more` : '';
    console.log(
      `warning: not committed, so that no push may change it: ${byHand.slice(0, NAMED_MAX).join(', ')}${more}`,
    );
  }
  const tokens = meshTokens(folders);
  const server = await serveGit(
    { gitFolder, hooksFolder, name, tokens, log: (line) => console.log(line) },
    options.listen,
  );
  const people = await tokens.people();
  const { host } = options.listen;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}/${name}.git`;
  console.log(`${url} takes pushes; what is on branch ${branch} is enforced. Ctrl-C stops it.`);
  console.log(
    people.length === 0
      ? `Nobody has a token yet: npx dotline git token <person> --mesh ${options.mesh}`
      : `Tokens: ${people.join(', ')}`,
  );
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  await server.close();
}
