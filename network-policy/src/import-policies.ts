import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import type { Cluster, NetworkPolicy, Pod } from './cluster.js';
import { SERVICE_LABEL } from './export-policies.js';
import { isAllowed, type TargetPort } from './is-allowed.js';

/** Labels that may say whose pod it is, the surest first. */
const NAMING_LABELS = ['dotline.dev/service', SERVICE_LABEL, 'app', 'k8s-app'];

/** A service that NetworkPolicies let connect to another one. */
export interface ImportedEdge {
  readonly caller: Service;
  readonly callee: Service;
  /** What it may use of the callee: a port is all operations, but for personal data, which wants a purpose. */
  readonly operations: readonly Operation[];
  /** The policies that say so, at either end. */
  readonly policies: readonly NetworkPolicy[];
}

/** What NetworkPolicies mean for a mesh. */
export interface PolicyImport {
  /** Sorted by caller and callee. */
  readonly edges: readonly ImportedEdge[];
  /** Services that no policy keeps anybody from: all may connect, which is no consent. */
  readonly open: readonly string[];
  /** Operations of personal data that were left out, by id. */
  readonly leftOut: readonly string[];
  /** Pods of no service of the mesh, as `namespace/name`. */
  readonly unknownPods: readonly string[];
  /** Services of which there is no pod. */
  readonly missing: readonly string[];
}

/**
 * Reads needs and grants out of a cluster's NetworkPolicies. Only what a policy allows by name counts, not
 * what is allowed because no policy looks at a pod.
 */
export function importPolicies(cluster: Cluster, mesh: Mesh): PolicyImport {
  const podsOf = new Map<string, Pod[]>();
  const unknownPods: string[] = [];
  for (const pod of cluster.pods) {
    const name = serviceOf(pod, mesh);
    if (name === undefined) unknownPods.push(`${pod.namespace}/${pod.name}`);
    else podsOf.set(name, [...(podsOf.get(name) ?? []), pod]);
  }
  const edges: ImportedEdge[] = [];
  const open = new Set<string>();
  const leftOut = new Set<string>();
  const known = mesh.services.filter(({ name }) => podsOf.has(name)).sort(byName);
  for (const caller of known) {
    for (const callee of known) {
      if (caller === callee) continue;
      const found = connection(
        cluster,
        podsOf.get(caller.name) ?? [],
        podsOf.get(callee.name) ?? [],
      );
      if (found === undefined) continue;
      if (found.length === 0) {
        open.add(callee.name);
        continue;
      }
      const operations = callee.operations.filter((operation) => operation.class !== 'pii');
      for (const { id } of callee.operations.filter((each) => each.class === 'pii'))
        leftOut.add(id);
      if (operations.length > 0) edges.push({ caller, callee, operations, policies: found });
    }
  }
  const missing = mesh.services.filter(({ name }) => !podsOf.has(name)).map(({ name }) => name);
  return {
    edges,
    open: [...open].sort(),
    leftOut: [...leftOut].sort(),
    unknownPods: unknownPods.sort(),
    missing: missing.sort(),
  };
}

/** The policies that let pods connect; none where nothing keeps them from it; `undefined` where they may not. */
function connection(
  cluster: Cluster,
  from: readonly Pod[],
  to: readonly Pod[],
): NetworkPolicy[] | undefined {
  let policies: NetworkPolicy[] | undefined;
  for (const source of from) {
    for (const target of to) {
      for (const port of portsOf(cluster, target)) {
        const { allowed, egress, ingress } = isAllowed(
          cluster,
          { kind: 'pod', pod: source },
          { kind: 'pod', pod: target },
          port,
        );
        if (allowed) policies = [...(policies ?? []), ...egress.by, ...ingress.by];
      }
    }
  }
  return policies && [...new Set(policies)];
}

/** The ports that a pod has, or, of one that says none, those that policies name. */
function portsOf(cluster: Cluster, pod: Pod): TargetPort[] {
  if (pod.ports.length > 0) return pod.ports.map(({ protocol, port }) => ({ protocol, port }));
  const named = cluster.policies
    .flatMap(({ ingress = [], egress = [] }) => [...ingress, ...egress])
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ protocol, port }) => (typeof port === 'number' ? [{ protocol, port }] : []));
  const web: TargetPort = { protocol: 'TCP', port: 80 };
  return [
    ...new Map([web, ...named].map((each) => [`${each.protocol} ${each.port}`, each])).values(),
  ];
}

function serviceOf(pod: Pod, mesh: Mesh): string | undefined {
  const names = [...NAMING_LABELS.map((label) => pod.labels[label]), pod.name];
  return names.find((name) => mesh.services.some((service) => service.name === name));
}

function byName(a: Service, b: Service): number {
  return a.name < b.name ? -1 : 1;
}
