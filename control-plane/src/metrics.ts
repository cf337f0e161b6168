import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the control plane counts about itself. Names are the contract of dashboards and alerts. */
export class Metrics {
  readonly registry = new Registry();
  readonly streams = this.#gauge('dotline_xds_streams', 'Open xDS streams');
  readonly refusedStreams = this.#counter('dotline_xds_refused_total', 'xDS streams refused');
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
  readonly meshProblems = this.#gauge(
    'dotline_mesh_problems',
    'Problems that keep the mesh directory from going live',
  );
  readonly certificates = this.#counter('dotline_certificates_total', 'Certificates issued', [
    'kind',
  ]);
  readonly instances = this.#gauge('dotline_instances', 'Registered instances', ['state']);

  constructor() {
    collectDefaultMetrics({ register: this.registry });
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
