import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import getPort, { portNumbers } from 'get-port';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { MachineError } from './machine-check.js';

/** Where the runner keeps what belongs to one mesh directory. */
export interface MeshFolders {
  readonly mesh: string;
  /** `<mesh>/.dotline`, not tracked by git. */
  readonly root: string;
  readonly data: string;
  readonly logs: string;
  readonly identities: string;
  /** Folder of Unix sockets: short, because a socket's path may have 107 bytes at most. */
  readonly sockets: string;
}

const PORT_NAMES = [
  'postgresql',
  'valkey',
  'clickhouse',
  'xds',
  'controlPlaneApi',
  'otlpGrpc',
  'otlpHttp',
  'collectorHttp',
  'authorizerHttp',
  'sloHttp',
] as const;

/**
 * Below the ports that the system gives to outgoing connections (32768 and up): one of those would be
 * lost to such a connection whenever its process is started again.
 */
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;
const PORTS_TRIED = 500;

const Secrets = z.object({
  joinToken: z.string(),
  postgresql: z.string(),
  valkey: z.string(),
  clickhouse: z.string(),
  /** Root of the passwords of the services' own datastore users. */
  services: z.string(),
});
/** As an earlier version may have stored it, which knew fewer ports. */
const StoredState = z.object({
  ports: z.partialRecord(z.enum(PORT_NAMES), z.number().int()),
  secrets: Secrets,
});
const State = z.object({
  ports: z.record(z.enum(PORT_NAMES), z.number().int()),
  secrets: Secrets,
});

/** Ports and secrets of a mesh, chosen once and kept, so that a second start finds what is there. */
export type MeshState = z.infer<typeof State>;

/** The folders of a mesh directory, made when they are missing. @throws MachineError when they cannot be made */
export async function meshFolders(directory: string): Promise<MeshFolders> {
  const mesh = resolve(directory);
  const root = join(mesh, '.dotline');
  const runtime = process.env.XDG_RUNTIME_DIR ?? tmpdir();
  const folders: MeshFolders = {
    mesh,
    root,
    data: join(root, 'data'),
    logs: join(root, 'logs'),
    identities: join(root, 'identities'),
    sockets: join(runtime, `dotline-${meshHash(mesh).toString('hex').slice(0, 8)}`),
  };
  for (const folder of [
    folders.root,
    folders.data,
    folders.logs,
    folders.identities,
    folders.sockets,
  ]) {
    await makeFolder(folder);
  }
  return folders;
}

/** Folder of the mesh's certificate authority; its `root.pem` is what others verify the mesh with. */
export function authorityDirectory({ data }: Pick<MeshFolders, 'data'>): string {
  return join(data, 'certificate-authority');
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const wayOut =
      code === 'ENOSPC' ? 'the disk is full; free 1 GiB' : 'make it writable for this user';
    throw new MachineError(`${folder} cannot be made (${code}): ${wayOut} and start again`, {
      cause: error,
    });
  }
}

/** Reads the mesh's state; chooses free ports for those that are new or taken by another program now. */
export async function loadMeshState(folders: MeshFolders): Promise<MeshState> {
  const stored = StoredState.safeParse(await readState(folders)).data;
  const ports = {} as MeshState['ports'];
  const chosen = new Set<number>();
  for (const name of PORT_NAMES) {
    const from = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    const wanted = [stored?.ports[name] ?? from].filter((port) => port <= PORT_MAX);
    const port = await getPort({
      host: '127.0.0.1',
      exclude: chosen,
      port: [...wanted, ...portNumbers(from, from + PORTS_TRIED)],
    });
    chosen.add(port);
    ports[name] = port;
  }
  const state: MeshState = { ports, secrets: stored?.secrets ?? newSecrets() };
  await writeFileAtomic(statePath(folders), `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  return state;
}

/** The state that a mesh was last started with, or `undefined` when it never was. */
export async function readMeshState(folders: MeshFolders): Promise<MeshState | undefined> {
  return State.safeParse(await readState(folders)).data;
}

async function readState(folders: MeshFolders): Promise<unknown> {
  const text = await readFile(statePath(folders), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

function statePath(folders: MeshFolders): string {
  return join(folders.root, 'state.json');
}

/** A `127.x.y` prefix of the mesh's own, so that several meshes run side by side. */
export function loopbackPrefix(mesh: string): string {
  const hash = meshHash(mesh);
  return `127.${64 + ((hash[0] ?? 0) % 128)}.${hash[1] ?? 0}`;
}

function meshHash(mesh: string): Buffer {
  return createHash('sha256').update(mesh).digest();
}

function newSecrets(): z.infer<typeof Secrets> {
  const secret = () => randomBytes(24).toString('base64url');
  return {
    joinToken: secret(),
    postgresql: secret(),
    valkey: secret(),
    clickhouse: secret(),
    services: secret(),
  };
}
