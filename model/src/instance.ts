/** `starting` and `draining` instances receive no traffic. */
export type InstanceState = 'starting' | 'ready' | 'draining';

/** One running copy of a service, with the sidecar beside it. */
export interface Instance {
  /** Unique in the mesh and stable over restarts, such as `fare-1`; also the sidecar's xDS node id. */
  readonly id: string;
  readonly service: string;
  readonly cell: string;
  readonly zone: string;
  readonly region: string;
  /** Address on which the sidecar accepts mutual TLS from other sidecars. */
  readonly address: string;
  readonly port: number;
  /** `host:port` of the sidecar's admin interface, reachable from its own host only. */
  readonly adminAddress: string;
  readonly state: InstanceState;
}
