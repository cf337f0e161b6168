import { join } from 'node:path';

/**
 * Each sidecar runs in a directory of its own, `<run directory>/<instance id>`, and names its
 * sockets and identity files relative to it. So no resource knows the host it is used on: the
 * cluster of a callee is one and the same for every caller, and the control plane needs no paths.
 */
export const SidecarPath = {
  /** The app listens, the sidecar connects. */
  app: 'app.sock',
  /** The sidecar listens, the app connects. */
  outbound: 'outbound.sock',
  identity: 'identity',
  /** PEM certificates of the public authorities, beside sidecars of egress services. */
  publicRoots: 'public-roots.pem',
  /** One for all sidecars of a host: the authorizer listens. */
  authorizer: '../authorizer.sock',
} as const;

/** `sun_path` holds 108 bytes with the final zero. Source: unix(7). */
const SOCKET_PATH_BYTES_MAX = 107;

/** The path of a Unix socket is longer than the system allows. */
export class SocketPathTooLongError extends Error {
  override readonly name = 'SocketPathTooLongError';

  constructor(
    readonly path: string,
    readonly bytesMax: number = SOCKET_PATH_BYTES_MAX,
  ) {
    super(
      `socket path ${path} has ${Buffer.byteLength(path)} bytes, more than ${bytesMax}: choose a shorter run directory`,
    );
  }
}

/** Working directory of an instance's sidecar. */
export function sidecarDirectory(runDirectory: string, instanceId: string): string {
  return join(runDirectory, instanceId);
}

/**
 * Where an instance's app listens (`DOTLINE_LISTEN`).
 * @throws SocketPathTooLongError
 */
export function appSocket(runDirectory: string, instanceId: string): string {
  return socketPath(join(sidecarDirectory(runDirectory, instanceId), SidecarPath.app));
}

/**
 * Where an instance's app reaches its callees (`DOTLINE_OUTBOUND`).
 * @throws SocketPathTooLongError
 */
export function outboundSocket(runDirectory: string, instanceId: string): string {
  return socketPath(join(sidecarDirectory(runDirectory, instanceId), SidecarPath.outbound));
}

/**
 * Where the host's authorizer listens.
 * @throws SocketPathTooLongError
 */
export function authorizerSocket(runDirectory: string): string {
  return socketPath(join(sidecarDirectory(runDirectory, 'any'), SidecarPath.authorizer));
}

/** Where an egress instance's sidecar finds the public authorities. */
export function publicRootsFile(runDirectory: string, instanceId: string): string {
  return join(sidecarDirectory(runDirectory, instanceId), SidecarPath.publicRoots);
}

/** Folder of an instance's key, certificate and bundle. */
export function identityDirectory(runDirectory: string, instanceId: string): string {
  return join(sidecarDirectory(runDirectory, instanceId), SidecarPath.identity);
}

function socketPath(path: string): string {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) throw new SocketPathTooLongError(path);
  return path;
}
