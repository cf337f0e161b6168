const NAMES: Readonly<Record<string, readonly [short: string, one: string]>> = {
  Cluster: ['CDS', 'cluster'],
  ClusterLoadAssignment: ['EDS', 'endpoint list'],
  Listener: ['LDS', 'listener'],
  RouteConfiguration: ['RDS', 'route configuration'],
  TypedExtensionConfig: ['ECDS', 'extension config'],
  Secret: ['SDS', 'secret'],
  Runtime: ['RTDS', 'runtime layer'],
};

/** The discovery service of a resource type, such as `CDS`. */
export function typeName(typeUrl: string): string {
  return NAMES[messageOf(typeUrl)]?.[0] ?? messageOf(typeUrl);
}

/** Such as `2 clusters`. */
export function countOf(typeUrl: string, count: number): string {
  const one = NAMES[messageOf(typeUrl)]?.[1] ?? messageOf(typeUrl);
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** Such as `cluster fare`. */
export function resourceName(typeUrl: string, name: string): string {
  return `${NAMES[messageOf(typeUrl)]?.[1] ?? messageOf(typeUrl)} ${name}`;
}

function messageOf(typeUrl: string): string {
  return typeUrl.split('.').at(-1) ?? typeUrl;
}
