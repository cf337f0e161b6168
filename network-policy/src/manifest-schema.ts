import { isIP } from 'node:net';
import { z } from 'zod';

/*
 * The parts of Kubernetes objects that say which pods there are and what they may connect to. A
 * NetworkPolicy is read strictly: what is misspelt in it would open or close a network by surprise.
 * https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
 */

const Labels = z.record(z.string(), z.string());

const Requirement = z.discriminatedUnion('operator', [
  z.strictObject({
    key: z.string().min(1),
    operator: z.enum(['In', 'NotIn']),
    values: z.array(z.string()).min(1, 'In and NotIn need values'),
  }),
  z.strictObject({
    key: z.string().min(1),
    operator: z.enum(['Exists', 'DoesNotExist']),
    values: z.array(z.never()).optional(),
  }),
]);

const Selector = z.strictObject({
  matchLabels: Labels.nullish(),
  matchExpressions: z.array(Requirement).nullish(),
});

const Cidr = z.string().refine(isCidr, 'must be an address and a prefix, such as 10.0.0.0/8');

const Peer = z
  .strictObject({
    podSelector: Selector.nullish(),
    namespaceSelector: Selector.nullish(),
    ipBlock: z.strictObject({ cidr: Cidr, except: z.array(Cidr).nullish() }).nullish(),
  })
  .refine(
    ({ podSelector, namespaceSelector, ipBlock }) =>
      (ipBlock != null) !== (podSelector != null || namespaceSelector != null),
    'must have either ipBlock or selectors',
  );

const Port = z
  .strictObject({
    protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
    port: z.union([z.number().int().min(1).max(65_535), z.string().min(1)]).optional(),
    endPort: z.number().int().min(1).max(65_535).optional(),
  })
  .refine(
    ({ port, endPort }) => endPort === undefined || (typeof port === 'number' && endPort >= port),
    'endPort needs a port that is a number and not greater',
  );

const Metadata = z.object({
  name: z.string().min(1),
  namespace: z.string().min(1).default('default'),
  labels: Labels.nullish(),
});

export const NetworkPolicyManifest = z.object({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: Metadata,
  spec: z.strictObject({
    podSelector: Selector.default({}),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])).nullish(),
    ingress: z
      .array(z.strictObject({ from: z.array(Peer).nullish(), ports: z.array(Port).nullish() }))
      .nullish(),
    egress: z
      .array(z.strictObject({ to: z.array(Peer).nullish(), ports: z.array(Port).nullish() }))
      .nullish(),
  }),
});

export const NamespaceManifest = z.object({
  kind: z.literal('Namespace'),
  metadata: z.object({ name: z.string().min(1), labels: Labels.nullish() }),
});

const Container = z.object({
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        containerPort: z.number().int().min(1).max(65_535),
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
      }),
    )
    .nullish(),
});

const PodSpec = z.object({ containers: z.array(Container).min(1) });

const Template = z.object({
  metadata: z.object({ labels: Labels.nullish() }).default({}),
  spec: PodSpec,
});

export const PodManifest = z.object({ metadata: Metadata, spec: PodSpec });

/** A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job. */
export const WorkloadManifest = z.object({
  metadata: Metadata,
  spec: z.object({ template: Template }),
});

export const CronJobManifest = z.object({
  metadata: Metadata,
  spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: Template }) }) }),
});

export type ManifestSelector = z.output<typeof Selector>;
export type ManifestPeer = z.output<typeof Peer>;
export type ManifestPort = z.output<typeof Port>;
export type ManifestTemplate = z.output<typeof Template>;

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  return (
    isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits
  );
}
