import type { LiveRevision, RollbackNote } from '@dotline/control-plane/revision-store';
import type { Sidecar } from '@dotline/control-plane/sidecar-store';
import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Objective, Service } from '@dotline/model/mesh';
import { eventsNeeded } from '@dotline/slo/burn-rate';
import type { ObjectiveStatus } from '@dotline/slo/objective-status-store';
import type {
  EdgeView,
  InstanceView,
  ObjectiveView,
  RevisionView,
  RollbackView,
  ServiceView,
  SidecarView,
} from './api.js';
import type { MeshStructure } from './mesh-structure.js';
import { NO_TRAFFIC, type TrafficViews } from './traffic-view.js';

/** A structure with a live revision. */
export type LiveStructure = MeshStructure & { readonly live: LiveRevision };

/** The live revision as the API shows it. */
export function revisionView(live: LiveRevision): RevisionView {
  const { revision, enforcedInMs, rollback, liveSinceMs } = live;
  return {
    id: revision.id,
    commit: revision.commit ?? null,
    createdAtMs: revision.createdAtMs,
    enforcedInMs: enforcedInMs ?? null,
    rollback:
      rollback === undefined
        ? null
        : {
            ...rollbackView(rollback, liveSinceMs),
            pinned: rollback.pinned,
            held: rollback.held.map(({ commit = null, ...held }) => ({ ...held, commit })),
          },
  };
}

/** A rollback as the API shows it. */
export function rollbackView(
  { fromId, fromCommit, actor, reason }: RollbackNote,
  atMs: number,
): RollbackView {
  return { from: fromId, fromCommit: fromCommit ?? null, by: actor, reason, atMs };
}

/** One for each registered instance, whether or not its sidecar was ever seen. */
export function sidecarViews({ live, instances, sidecars }: MeshStructure): SidecarView[] {
  const byInstance = new Map(sidecars.map((sidecar) => [sidecar.instanceId, sidecar]));
  return instances.map(({ instance }) => {
    return sidecarView(instance, byInstance.get(instance.id), live?.revision.id);
  });
}

/** All services of the live revision. */
export function serviceViews(structure: LiveStructure, traffic: TrafficViews): ServiceView[] {
  const sidecars = new Map(sidecarViews(structure).map((view) => [view.instance, view]));
  const instances = new Map<string, InstanceView[]>();
  for (const { instance } of structure.instances) {
    const sidecar = sidecars.get(instance.id);
    if (sidecar === undefined) continue;
    const { id, cell, zone, region, state } = instance;
    const view = { id, cell, zone, region, state, sidecar };
    instances.set(instance.service, [...(instances.get(instance.service) ?? []), view]);
  }
  const objectives = new Map<string, ObjectiveView[]>();
  for (const view of objectiveViews(structure)) {
    objectives.set(view.service, [...(objectives.get(view.service) ?? []), view]);
  }
  const { mesh, requestPolicies = [] } = structure.live.revision;
  const requestRules = new Map(
    requestPolicies
      .flatMap(({ rules }) => rules)
      .map(({ operation, fail, witness: { file, line } }) => [operation, { file, line, fail }]),
  );
  return mesh.services.map((service) => {
    const own = instances.get(service.name) ?? [];
    return {
      name: service.name,
      team: service.team,
      product: service.product,
      tier: service.tier,
      language: service.language,
      description: service.description,
      datastore: service.datastore,
      file: service.file,
      operations: service.operations.map((operation) => ({
        id: operation.id,
        class: operation.class,
        method: operation.method,
        // Of an egress service, where outside.
        path: `${operation.host ?? ''}${operation.path}`,
        requestRule: requestRules.get(operation.id) ?? null,
      })),
      instances: own,
      health: serviceHealth(service, own),
      traffic: traffic.services.get(service.name) ?? NO_TRAFFIC,
      objectives: objectives.get(service.name) ?? [],
    };
  });
}

/** All edges of the live revision. */
export function edgeViews({ live }: LiveStructure, traffic: TrafficViews): EdgeView[] {
  const { revision } = live;
  const teams = new Map(revision.mesh.services.map((service) => [service.name, service.team]));
  return revision.edges.map((edge: Edge) => ({
    id: edge.id,
    caller: edge.caller,
    callee: edge.callee,
    team: teams.get(edge.caller) ?? '',
    revision: revision.edgeRevisions[edge.id] ?? revision.id,
    operations: edge.operations,
    traffic: traffic.edges.get(edge.id) ?? NO_TRAFFIC,
  }));
}

/** All objectives of the live revision, also those that were not evaluated yet. */
export function objectiveViews({ live, objectives }: LiveStructure): ObjectiveView[] {
  const statuses = new Map(objectives.map((status) => [status.objective.name, status]));
  return live.revision.mesh.objectives.map((objective) =>
    objectiveView(objective, statuses.get(objective.name), live.liveSinceMs),
  );
}

function objectiveView(
  objective: Objective,
  status: ObjectiveStatus | undefined,
  liveSinceMs: number,
): ObjectiveView {
  const { indicator } = objective;
  const needed = eventsNeeded(objective.target);
  const canTell = (status?.total ?? 0) >= needed || status?.alert !== 'ok';
  return {
    name: objective.name,
    title: objective.title,
    service: objective.service,
    team: objective.team,
    indicator: indicator.kind,
    thresholdMs: indicator.kind === 'latency' ? indicator.thresholdMs : null,
    target: objective.target,
    windowDays: objective.windowDays,
    good: status?.good ?? 0,
    total: status?.total ?? 0,
    sli: status?.sli ?? null,
    budgetLeft: canTell ? (status?.budgetLeft ?? null) : null,
    burnRates: canTell ? (status?.burnRates ?? []) : [],
    alert: status?.alert ?? 'ok',
    eventsNeeded: needed,
    alertSinceMs: status?.alertSinceMs ?? liveSinceMs,
    evaluatedAtMs: status?.evaluatedAtMs ?? null,
    file: objective.file,
    line: objective.line,
  };
}

function sidecarView(
  instance: Instance,
  sidecar: Sidecar | undefined,
  liveId: string | undefined,
): SidecarView {
  const revision = sidecar?.ackedRevision ?? null;
  return {
    instance: instance.id,
    service: instance.service,
    connected: sidecar?.connected ?? false,
    revision,
    holdsLiveRevision: revision !== null && revision === liveId,
    rejected: (sidecar?.types ?? [])
      .flatMap(({ rejections }) => rejections)
      .map(({ resource, detail, revision, rules: [rule] }) => ({
        resource,
        detail,
        ...(revision === undefined ? {} : { revision }),
        ...(rule === undefined ? {} : { team: rule.team, file: rule.file, line: rule.line }),
      })),
  };
}

/** Down: nobody answers. Degraded: fewer answer than are placed, or some cannot be told news. */
function serviceHealth(
  service: Service,
  instances: readonly InstanceView[],
): ServiceView['health'] {
  const ready = instances.filter(({ state }) => state === 'ready');
  if (ready.length === 0) return 'down';
  const complete = ready.length >= service.placement.length;
  return complete && ready.every(({ sidecar }) => sidecar.connected) ? 'healthy' : 'degraded';
}
