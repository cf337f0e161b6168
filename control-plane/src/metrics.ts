import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the control plane counts about itself. Names are the contract of dashboards and alerts. */
export class Metrics {
  readonly registry = new Registry();
  readonly streams = this.#gauge('dotline_xds_streams', 'Open xDS streams');
  readonly admittedStreams = this.#counter('dotline_xds_admitted_total', 'xDS streams let in');
  readonly refusedStreams = this.#counter(
    'dotline_xds_refused_total',
    'xDS streams refused or ended by the control plane, by gRPC status',
    ['code'],
  );
  readonly pushes = this.#counter('dotline_xds_pushes_total', 'Responses sent to sidecars', [
    'type',
  ]);
  readonly pushedResources = this.#counter(
    'dotline_xds_pushed_resources_total',
    'Resources sent to sidecars, removals included',
    ['type'],
  );
  readonly acks = this.#counter('dotline_xds_acks_total', 'Responses accepted', ['type']);
  readonly nacks = this.#counter('dotline_xds_nacks_total', 'Responses rejected', ['type']);
  readonly oversizeResponses = this.#counter(
    'dotline_xds_oversize_responses_total',
    'Responses near or over the 4 MiB that gRPC clients read by default',
    ['type'],
  );
  readonly responseBytes = new Histogram({
    name: 'dotline_xds_response_bytes',
    help: 'Size of responses to sidecars',
    labelNames: ['type'],
    buckets: [1e3, 1e4, 1e5, 5e5, 1e6, 2e6, 3e6, 4e6],
    registers: [this.registry],
  });
  readonly pushSeconds = new Histogram({
    name: 'dotline_xds_push_seconds',
    help: 'From a response to the acknowledgement or rejection of the sidecar',
    labelNames: ['type'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  readonly compileSeconds = new Histogram({
    name: 'dotline_compile_seconds',
    help: 'Reading the mesh directory and compiling its policies',
    labelNames: ['result'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  readonly enforceSeconds = new Histogram({
    name: 'dotline_enforce_seconds',
    help: 'From a revision going live to the last acknowledgement',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  readonly revisions = this.#counter('dotline_revisions_total', 'Revisions that went live here');
  readonly rollouts = this.#counter(
    'dotline_rollouts_total',
    'Rollouts in waves, and others that were stopped, by how they ended',
    ['state'],
  );
  readonly meshProblems = this.#gauge(
    'dotline_mesh_problems',
    'Problems that keep the mesh directory from going live',
  );
  readonly certificates = this.#counter('dotline_certificates_total', 'Certificates issued', [
    'kind',
  ]);
  readonly instances = this.#gauge('dotline_instances', 'Registered instances', ['state']);

  constructor() {
    // By default the lag of the event loop is looked at a hundred times a second.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 });
  }

  /** Has what the xDS server carries looked up whenever the metrics are read. */
  followLoad(load: () => { readonly waiting: number; readonly connections: number }): void {
    const followed = [
      ['waiting', 'dotline_xds_waiting_streams', 'xDS streams that wait to be let in'],
      ['connections', 'dotline_xds_connections', 'Open connections of sidecars'],
    ] as const;
    for (const [key, name, help] of followed) {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(load()[key]);
        },
      });
    }
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []) {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []) {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}

/** The last part of a type's URL, such as `Cluster`. */
export function typeLabel(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
