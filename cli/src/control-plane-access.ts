import { HeldConfigReader } from '@dotline/control-plane/proxy-diff/held-config';
import { ControlPlaneClient } from '@dotline/runner/control-plane-client';
import { ControlPlaneError } from '@dotline/runner/control-plane-error';
import { requestIdentity } from '@dotline/runner/identity';
import { meshFolders, readMeshState } from '@dotline/runner/mesh-state';
import { platformAddresses } from '@dotline/runner/platform-processes';
import { readRun } from '@dotline/runner/run-file';
import { UnavailableError } from './page-server-client.js';

/** Where the control plane is, and what lets one in. */
interface ControlPlaneAccess {
  readonly url: string;
  readonly caBundle: string;
  readonly joinToken: string;
  /** `host:port` */
  readonly xds: string;
}

/**
 * Opens the control plane's client status service as the operator, with a key that lives as long as
 * this process. Whoever has the join token is the operator: of a mesh that runs here it is in the
 * mesh's own folder, of another one it is named by variables.
 * @throws UnavailableError
 */
export async function openHeldConfig(options: {
  readonly mesh: string;
  readonly address?: string;
}): Promise<HeldConfigReader> {
  const { access, client } = await openControlPlane(options);
  try {
    const identity = await requestIdentity({ platform: 'operator' }, client);
    return new HeldConfigReader(access.xds, identity);
  } catch (error) {
    const reason = error instanceof ControlPlaneError ? error.message : 'it does not answer';
    throw new UnavailableError(`no identity from the control plane at ${access.url}: ${reason}`, {
      cause: error,
    });
  } finally {
    await client.close();
  }
}

/** Opens the control plane's API with the join token. @throws UnavailableError */
export async function openControlPlane(options: {
  readonly mesh: string;
  readonly address?: string;
}): Promise<{ readonly access: ControlPlaneAccess; readonly client: ControlPlaneClient }> {
  const access = accessOf(process.env) ?? (await localAccess(options));
  return { access, client: new ControlPlaneClient(access) };
}

function accessOf(environment: NodeJS.ProcessEnv): ControlPlaneAccess | undefined {
  const {
    CONTROL_PLANE_URL: url,
    CA_BUNDLE: caBundle,
    JOIN_TOKEN: joinToken,
    XDS_ADDRESS: xds,
  } = environment;
  return url && caBundle && joinToken && xds ? { url, caBundle, joinToken, xds } : undefined;
}

async function localAccess(options: {
  readonly mesh: string;
  readonly address?: string;
}): Promise<ControlPlaneAccess> {
  const folders = await meshFolders(options.mesh);
  const state = await readMeshState(folders);
  if (options.address !== undefined || state === undefined || !(await readRun(folders))) {
    throw new UnavailableError(
      'the control plane listens to the operator alone: set CONTROL_PLANE_URL, CA_BUNDLE, JOIN_TOKEN and XDS_ADDRESS, or name the directory of a mesh that is up here with --mesh',
    );
  }
  const { controlPlaneUrl, caBundle } = platformAddresses(folders, state);
  return {
    url: controlPlaneUrl,
    caBundle,
    joinToken: state.secrets.joinToken,
    xds: `127.0.0.1:${state.ports.xds}`,
  };
}
