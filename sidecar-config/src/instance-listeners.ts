import type { Instance } from '@dotline/model/instance';
import { type ResourceSet, resource, resourceSet } from 'envoy-control-plane-ts';
import { ListenerSchema } from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import { inboundListener } from './inbound-listener.js';
import { outboundListener } from './outbound-listener.js';
import { telemetryListener } from './telemetry-listener.js';

/**
 * The listeners of sidecars. They depend on the instance and on what is the same for the whole mesh,
 * not on policies, so they are encoded once for each instance and kept as long as it is.
 */
export class InstanceListeners {
  readonly #made = new WeakMap<Instance, { key: string; listeners: ResourceSet }>();

  of(instance: Instance, trustDomain: string, tracedPercent: number): ResourceSet {
    const key = `${trustDomain} ${tracedPercent}`;
    const made = this.#made.get(instance);
    if (made?.key === key) return made.listeners;
    const listeners = resourceSet(
      [
        inboundListener(instance, trustDomain, tracedPercent),
        outboundListener(instance, tracedPercent),
        telemetryListener(instance),
      ].map((listener) => resource(ListenerSchema, listener.name, listener)),
    );
    this.#made.set(instance, { key, listeners });
    return listeners;
  }
}
