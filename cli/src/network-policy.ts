import { loadMesh } from '@dotline/model/load-mesh';
import { exportPolicies } from '@dotline/network-policy/export-policies';
import { importPolicies, type PolicyImport } from '@dotline/network-policy/import-policies';
import { importedRego } from '@dotline/network-policy/imported-rego';
import { readManifests } from '@dotline/network-policy/read-manifests';
import { compileState } from './compile-state.js';
import { writeNewFiles } from './write-new-files.js';

/** What NetworkPolicies mean for a mesh, as Rego. */
export interface NetworkPolicyImport {
  readonly found: PolicyImport;
  /** Rego by file, relative to the mesh directory. */
  readonly files: ReadonlyMap<string, string>;
  /** Paths as seen from the working directory; `null` when nothing was to be written. */
  readonly written: readonly string[] | null;
}

/** @throws MeshError of the mesh or the manifests; TargetError when a file is there already */
export async function importNetworkPolicies(
  paths: readonly string[],
  { mesh: directory, out }: { readonly mesh: string; readonly out?: string },
): Promise<NetworkPolicyImport> {
  const [mesh, cluster] = await Promise.all([loadMesh(directory), readManifests(paths)]);
  const found = importPolicies(cluster, mesh);
  const files = new Map(
    [...importedRego(found.edges)].map(([team, text]) => [
      `policies/teams/${team}/network_policies.rego`,
      text,
    ]),
  );
  return { found, files, written: out === undefined ? null : await writeNewFiles(out, files) };
}

/** The edges of a mesh directory as NetworkPolicies. @throws MeshError, OpaError */
export async function exportNetworkPolicies(options: {
  readonly mesh: string;
  readonly opaPath: string;
  readonly namespace?: string;
  readonly platformNamespace: string;
}): Promise<object[]> {
  const { mesh, edges } = await compileState(undefined, options);
  const { namespace = mesh.name, platformNamespace } = options;
  return exportPolicies(mesh.services, edges, { namespace, platformNamespace });
}
