import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MeshError, type Problem } from '@dotline/model/mesh-error';
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml';
import type { z } from 'zod';
import type { Cluster, NetworkPolicy, PeerRule, Pod, TrafficRule } from './cluster.js';
import type { LabelSelector } from './label-selector.js';
import {
  CronJobManifest,
  type ManifestPeer,
  type ManifestPort,
  type ManifestSelector,
  type ManifestTemplate,
  NamespaceManifest,
  NetworkPolicyManifest,
  PodManifest,
  WorkloadManifest,
} from './manifest-schema.js';

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job']);
const FILES_MAX = 10_000;
const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

/** One manifest, and where it stands. */
interface Manifest {
  readonly kind: string;
  readonly value: unknown;
  readonly file: string;
  readonly lineOf: (path: readonly PropertyKey[]) => number;
}

interface Draft {
  readonly namespaces: Map<string, Readonly<Record<string, string>>>;
  readonly pods: Pod[];
  readonly policies: NetworkPolicy[];
  readonly problems: Problem[];
}

/**
 * Reads the manifests in files and folders: NetworkPolicies, Namespaces, Pods and what makes pods;
 * other kinds are passed over.
 * @throws MeshError with every problem found
 */
export async function readManifests(paths: readonly string[]): Promise<Cluster> {
  const files = (await Promise.all(paths.map(yamlFiles))).flat();
  if (files.length > FILES_MAX) {
    throw new MeshError([
      { file: paths[0] ?? '', line: 1, message: `more than ${FILES_MAX} files` },
    ]);
  }
  const texts = [];
  for (const { path, file } of files) texts.push({ file, text: await readFile(path, 'utf8') });
  return parseManifests(texts);
}

/** The same for texts that are in memory. @throws MeshError with every problem found */
export function parseManifests(
  texts: readonly { readonly file: string; readonly text: string }[],
): Cluster {
  const draft: Draft = { namespaces: new Map(), pods: [], policies: [], problems: [] };
  for (const { file, text } of texts) {
    for (const manifest of manifestsOf(file, text, draft.problems)) take(draft, manifest);
  }
  if (draft.problems.length > 0) throw new MeshError(draft.problems);
  for (const { namespace } of [...draft.pods, ...draft.policies]) {
    if (!draft.namespaces.has(namespace)) draft.namespaces.set(namespace, {});
  }
  const namespaces = [...draft.namespaces].map(([name, labels]) => ({
    name,
    labels: { ...labels, [NAMESPACE_LABEL]: name },
  }));
  return { namespaces, pods: draft.pods, policies: draft.policies };
}

async function yamlFiles(path: string): Promise<{ path: string; file: string }[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const message = `cannot be read: ${error.code ?? error.message}`;
    throw new MeshError([{ file: path, line: 1, message }]);
  });
  if (!found.isDirectory()) return [{ path, file: basename(path) }];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.split('/').includes('node_modules'))
    .sort()
    .map((name) => ({ path: join(path, name), file: name }));
}

function manifestsOf(file: string, text: string, problems: Problem[]): Manifest[] {
  const lines = new LineCounter();
  const manifests: Manifest[] = [];
  const documents = parseAllDocuments(text, { lineCounter: lines });
  for (const document of 'empty' in documents ? [] : documents) {
    for (const error of document.errors) {
      const [message = ''] = error.message.split('\n');
      problems.push({
        file,
        line: error.linePos?.[0].line ?? 1,
        message: `not valid YAML: ${message}`,
      });
    }
    if (document.errors.length === 0) collect(document, lines, file, [], manifests);
  }
  return manifests;
}

/** A document's manifest, or those of its list. */
function collect(
  document: Document,
  lines: LineCounter,
  file: string,
  at: readonly PropertyKey[],
  into: Manifest[],
): void {
  const node = document.getIn(at, true);
  if (!isMap(node)) return;
  const kind = node.get('kind');
  const items = node.get('items', true);
  if (typeof kind === 'string' && kind.endsWith('List') && isSeq(items)) {
    for (const index of items.items.keys())
      collect(document, lines, file, [...at, 'items', index], into);
    return;
  }
  into.push({
    kind: typeof kind === 'string' ? kind : '',
    value: node.toJS(document, { maxAliasCount: 100 }),
    file,
    lineOf: (path) => lineOf(document, lines, [...at, ...path]),
  });
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    const offset = isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined;
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

function take(draft: Draft, manifest: Manifest): void {
  const { kind, file } = manifest;
  const line = manifest.lineOf([]);
  if (kind === 'Namespace') {
    const found = checked(NamespaceManifest, manifest, draft.problems);
    if (found) draft.namespaces.set(found.metadata.name, found.metadata.labels ?? {});
  } else if (kind === 'NetworkPolicy') {
    const found = checked(NetworkPolicyManifest, manifest, draft.problems);
    if (found) draft.policies.push({ ...policyOf(found), file, line });
  } else if (kind === 'Pod') {
    const found = checked(PodManifest, manifest, draft.problems);
    if (found) {
      const { metadata, spec } = found;
      draft.pods.push({ ...podOf(metadata, { metadata, spec }), file, line });
    }
  } else if (WORKLOADS.has(kind)) {
    const found = checked(WorkloadManifest, manifest, draft.problems);
    if (found) draft.pods.push({ ...podOf(found.metadata, found.spec.template), file, line });
  } else if (kind === 'CronJob') {
    const found = checked(CronJobManifest, manifest, draft.problems);
    const template = found?.spec.jobTemplate.spec.template;
    if (found && template) draft.pods.push({ ...podOf(found.metadata, template), file, line });
  }
}

function checked<T>(schema: z.ZodType<T>, manifest: Manifest, problems: Problem[]): T | undefined {
  const result = schema.safeParse(manifest.value);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) {
    const where = path.length === 0 ? '' : `${path.join('.')}: `;
    problems.push({
      file: manifest.file,
      line: manifest.lineOf(path),
      message: `${manifest.kind}: ${where}${message}`,
    });
  }
  return undefined;
}

function podOf(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  { metadata, spec }: ManifestTemplate,
): Omit<Pod, 'file' | 'line'> {
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  return {
    name,
    namespace,
    labels: metadata.labels ?? {},
    ports: ports.map(({ name: portName, containerPort: port, protocol }) => ({
      name: portName,
      port,
      protocol,
    })),
  };
}

/**
 * "If no policyTypes are specified on a NetworkPolicy then by default Ingress will always be set and
 * Egress will be set if the NetworkPolicy has any egress rules."
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-resource
 */
function policyOf({
  metadata: { name, namespace },
  spec,
}: z.output<typeof NetworkPolicyManifest>): Omit<NetworkPolicy, 'file' | 'line'> {
  const hasEgress = (spec.egress ?? []).length > 0;
  const types = spec.policyTypes?.length
    ? spec.policyTypes
    : ['Ingress', ...(hasEgress ? ['Egress'] : [])];
  return {
    name,
    namespace,
    pods: selectorOf(spec.podSelector),
    ingress: types.includes('Ingress')
      ? (spec.ingress ?? []).map(({ from, ports }) => ruleOf(from, ports))
      : undefined,
    egress: types.includes('Egress')
      ? (spec.egress ?? []).map(({ to, ports }) => ruleOf(to, ports))
      : undefined,
  };
}

/** An empty list is as good as none: all peers, all ports. */
function ruleOf(
  peers: readonly ManifestPeer[] | null | undefined,
  ports: readonly ManifestPort[] | null | undefined,
): TrafficRule {
  return {
    peers: peers?.length ? peers.map(peerOf) : undefined,
    ports: ports?.length
      ? ports.map(({ protocol, port, endPort }) => ({ protocol, port, endPort }))
      : undefined,
  };
}

function peerOf({ ipBlock, namespaceSelector, podSelector }: ManifestPeer): PeerRule {
  if (ipBlock) return { kind: 'addresses', cidr: ipBlock.cidr, except: ipBlock.except ?? [] };
  return {
    kind: 'pods',
    namespaces: namespaceSelector ? selectorOf(namespaceSelector) : undefined,
    pods: podSelector ? selectorOf(podSelector) : undefined,
  };
}

function selectorOf({ matchLabels, matchExpressions }: ManifestSelector): LabelSelector {
  return {
    matchLabels: matchLabels ?? {},
    matchExpressions: (matchExpressions ?? []).map((requirement) =>
      requirement.operator === 'In' || requirement.operator === 'NotIn'
        ? { key: requirement.key, operator: requirement.operator, values: requirement.values ?? [] }
        : { key: requirement.key, operator: requirement.operator },
    ),
  };
}
