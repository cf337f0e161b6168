import type { Instance } from '@dotline/model/instance';
import { resource, type TypedResource } from 'envoy-control-plane-ts';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import type { EncodedPieces } from './encoded-pieces.js';
import { endpoints } from './endpoints.js';

/**
 * The endpoints of services. They depend on the instances alone, so nothing is looked at again while the
 * list of these is the same object.
 */
export class InstanceEndpoints {
  readonly #known = new WeakMap<readonly Instance[], (service: string) => TypedResource>();

  constructor(private readonly pieces: EncodedPieces) {}

  of(instances: readonly Instance[]): (service: string) => TypedResource {
    const known = this.#known.get(instances);
    if (known !== undefined) return known;
    const byService = new Map<string, Instance[]>();
    for (const instance of instances) {
      const others = byService.get(instance.service);
      if (others === undefined) byService.set(instance.service, [instance]);
      else others.push(instance);
    }
    const made = new Map<string, TypedResource>();
    const of = (service: string) => {
      const before = made.get(service);
      if (before !== undefined) return before;
      const own = byService.get(service) ?? [];
      const now = this.pieces.resource(['endpoints', service, own], () =>
        resource(ClusterLoadAssignmentSchema, service, endpoints(service, own)),
      );
      made.set(service, now);
      return now;
    };
    this.#known.set(instances, of);
    return of;
  }
}
