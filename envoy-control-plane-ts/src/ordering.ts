import { TypeUrl } from './type-url.js';

/**
 * The order in which one change goes out on an aggregated stream: make before break.
 *
 * "CDS updates must always be pushed first. EDS updates must arrive after CDS updates for the
 * respective clusters. LDS updates must arrive after corresponding CDS/EDS updates. RDS updates
 * related to the newly added listeners must arrive after CDS/EDS/LDS updates."
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
 *
 * Each inner list is a phase, in sending order. The next phase begins when the client has answered
 * everything of this one: Envoy holds back its answer to CDS until new clusters are warm, so by
 * then a route that points to them finds them. Within a phase the order of sending is enough, and
 * waiting would block: clusters get warm only when their endpoints and secrets arrive.
 */
export const updatePhases: readonly (readonly TypeUrl[])[] = [
  // Runtime first, since it changes how everything after it is read. Secrets next to endpoints:
  // clusters and listeners wait for them, and ask for them only when they have arrived themselves.
  [TypeUrl.Runtime, TypeUrl.Cluster, TypeUrl.Endpoint, TypeUrl.Secret],
  // A listener waits for its extension configs, so known ones are renewed before it.
  // Scopes name routes, and these the virtual hosts that come by themselves.
  [
    TypeUrl.ExtensionConfig,
    TypeUrl.Listener,
    TypeUrl.ScopedRoute,
    TypeUrl.Route,
    TypeUrl.VirtualHost,
  ],
];

/**
 * "Stale CDS clusters and related EDS endpoints (ones no longer being referenced) can then be
 * removed": referrers go before what they refer to.
 */
const removalOrder: readonly TypeUrl[] = [
  TypeUrl.Listener,
  TypeUrl.ScopedRoute,
  TypeUrl.VirtualHost,
  TypeUrl.Route,
  TypeUrl.ExtensionConfig,
  TypeUrl.Cluster,
  TypeUrl.Endpoint,
  TypeUrl.Secret,
  TypeUrl.Runtime,
];

const sendingOrder = updatePhases.flat();
const phases = new Map(updatePhases.flatMap((phase, index) => phase.map((type) => [type, index])));

/** The index of a type's phase. Types of which no order is known come last, so what they refer to is there. */
export function phaseOf(typeUrl: TypeUrl): number {
  return phases.get(typeUrl) ?? updatePhases.length;
}

/** Types with a lower one are sent first in their phase. */
export function placeInPhase(typeUrl: TypeUrl): number {
  return sendingOrder.indexOf(typeUrl);
}

/** Types with a lower one lose their resources first; those of which no order is known before all. */
export function placeAmongRemovals(typeUrl: TypeUrl): number {
  return removalOrder.indexOf(typeUrl);
}
