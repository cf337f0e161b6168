import { once } from 'node:events';
import { join } from 'node:path';
import { AccessTokens } from '@dotline/mesh-repository/access-tokens';
import { serveGit } from '@dotline/mesh-repository/git-server';
import { writeHooks } from '@dotline/mesh-repository/hook-files';
import { isLoopback } from '@dotline/mesh-repository/loopback';
import {
  changedByHand,
  ensureMeshCheckout,
  openMeshCheckout,
} from '@dotline/mesh-repository/mesh-checkout';
import { serverNames } from '@dotline/mesh-repository/server-names';
import type { ServerTls } from '@dotline/mesh-repository/server-tls';
import { loadMesh } from '@dotline/model/load-mesh';
import { authorityDirectory, type MeshFolders, meshFolders } from '@dotline/runner/mesh-state';
import { DOTLINE } from './dotline-command.js';

const NAMED_MAX = 5;

interface ServeOptions {
  readonly mesh: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls?: boolean;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly name?: string;
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
  const people = await tokens.people();
  const log = (line: string) => console.log(line);
  const { host } = options.listen;
  const names = serverNames(host, options.name);
  const { tls, rootFile } = await tlsFor(options, folders, names);
  const server = await serveGit(
    { gitFolder, hooksFolder, name, tokens, log, ...(tls === undefined ? {} : { tls }) },
    options.listen,
  );
  const place = `${inUrl(names[0] ?? host)}:${server.port}/${name}.git`;
  const scheme = tls === undefined ? 'http' : 'https';
  console.log(
    `${scheme}://${place} takes pushes; what is on branch ${branch} is enforced. Ctrl-C stops it.`,
  );
  console.log(cloneCommand(`${scheme}://`, place, { rootFile, person: people[0] }));
  console.log(
    people.length === 0
      ? `Nobody has a token yet: npx dotline git token <person> --mesh ${options.mesh}`
      : `Tokens: ${people.join(', ')}`,
  );
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  await server.close();
}

/** HTTPS, wherever others could listen to tokens. @throws RepositoryError */
async function tlsFor(
  { listen, tls, tlsCertificate, tlsKey }: ServeOptions,
  folders: MeshFolders,
  names: readonly string[],
): Promise<{ readonly tls?: ServerTls; readonly rootFile?: string }> {
  const isGiven = tlsCertificate !== undefined && tlsKey !== undefined;
  if (!isGiven && !tls && isLoopback(listen.host)) return {};
  const { tlsOfFiles, tlsOfMesh } = await import('@dotline/mesh-repository/server-tls');
  const log = (line: string) => console.log(line);
  if (isGiven) return { tls: await tlsOfFiles({ certificate: tlsCertificate, key: tlsKey }, log) };
  const directory = process.env.CA_DIRECTORY ?? authorityDirectory(folders);
  const own = await tlsOfMesh(directory, names, log);
  return { tls: own, rootFile: own.rootFile };
}

/** Ready to paste. Git remembers the authority for this one clone, and its pushes. */
function cloneCommand(
  scheme: string,
  place: string,
  {
    rootFile,
    person,
  }: { readonly rootFile?: string | undefined; readonly person?: string | undefined },
): string {
  const trust = rootFile === undefined ? '' : `-c http.sslCAInfo=${quoted(rootFile)} `;
  const user = person === undefined ? '' : `${encodeURIComponent(person)}@`;
  return `git clone ${trust}${scheme}${user}${place}`;
}

function quoted(path: string): string {
  return /^[\w./:@%+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
