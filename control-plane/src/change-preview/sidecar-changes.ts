import { createHash } from 'node:crypto';
import type { Instance } from '@dotline/model/instance';
import type { Mesh } from '@dotline/model/mesh';
import type { Revision } from '@dotline/model/revision';
import {
  KeptParts,
  meshResources,
  type SidecarSnapshot,
} from '@dotline/sidecar-config/sidecar-resources';
import { touchedServices } from '../rollout-plan.js';

/** What a revision does to one sidecar. Sizes are those of its encoded resources. */
export interface SidecarChange {
  /** Such as `fare-1`. */
  readonly instance: string;
  readonly service: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Of the resources that are new or others; what goes away is sent as a name. */
  readonly bytesSent: number;
}

/** Sidecars that hold something else afterwards, and how many there are. */
export interface SidecarChanges {
  /** In the order of the catalog. */
  readonly changed: readonly SidecarChange[];
  /** All sidecars of the second revision. */
  readonly total: number;
}

// Both sides have the same, so they count for the size of a sidecar and never for its change.
const TELEMETRY = {
  grpc: { address: '127.0.0.1', port: 4317 },
  http: { address: '127.0.0.1', port: 4318 },
};

/**
 * Compares what the sidecars of two revisions hold, with one instance for each entry of a service's
 * placement, on addresses of its own choice: sizes are exact but for the length of real addresses.
 */
export function sidecarChanges(before: Revision, after: Revision): SidecarChanges {
  const kept = new KeptParts();
  const services = affectedServices(before, after);
  const old = snapshotsOf(before, services, kept);
  const now = snapshotsOf(after, services, kept);
  const changed: SidecarChange[] = [];
  for (const [id, { instance, snapshot }] of now) {
    const former = old.get(id)?.snapshot;
    const bytesSent = sentBytes(former, snapshot);
    const bytesBefore = former === undefined ? 0 : bytesOf(former);
    const bytesAfter = bytesOf(snapshot);
    if (former !== undefined && bytesSent === 0 && bytesBefore === bytesAfter) continue;
    const change = former === undefined ? 'added' : 'changed';
    const { service } = instance;
    changed.push({ instance: id, service, change, bytesBefore, bytesAfter, bytesSent });
  }
  for (const [id, { instance, snapshot }] of old) {
    if (now.has(id)) continue;
    changed.push({
      instance: id,
      service: instance.service,
      change: 'removed',
      bytesBefore: bytesOf(snapshot),
      bytesAfter: 0,
      bytesSent: 0,
    });
  }
  return { changed, total: placedInstances(after.mesh).length };
}

interface Sidecar {
  readonly instance: Instance;
  readonly snapshot: SidecarSnapshot;
}

function snapshotsOf(
  revision: Revision,
  services: ReadonlySet<string> | 'all',
  kept: KeptParts,
): Map<string, Sidecar> {
  const instances = placedInstances(revision.mesh);
  const resourcesOf = meshResources({ revision, instances, telemetry: TELEMETRY, kept });
  return new Map(
    instances
      .filter(({ service }) => services === 'all' || services.has(service))
      .map((instance) => [instance.id, { instance, snapshot: resourcesOf(instance) }]),
  );
}

/** Services whose sidecars can differ: also by where they run, and where those run that they call. */
function affectedServices(before: Revision, after: Revision): ReadonlySet<string> | 'all' {
  const touched = touchedServices(before, after);
  if (touched === 'all') return 'all';
  const placementOf = ({ mesh }: Revision) =>
    new Map(
      mesh.services.map(({ name, placement }) => [
        name,
        JSON.stringify(placement.map((cell) => mesh.cells.find(({ name: n }) => n === cell))),
      ]),
    );
  const old = placementOf(before);
  const moved = new Set(
    [...placementOf(after)].filter(([name, text]) => old.get(name) !== text).map(([name]) => name),
  );
  const callers = after.edges.filter(({ callee }) => moved.has(callee)).map((edge) => edge.caller);
  return new Set([...touched, ...moved, ...callers]);
}

/** One for each entry of each service's placement. An instance has the same address in every mesh. */
function placedInstances(mesh: Mesh): Instance[] {
  const cells = new Map(mesh.cells.map((cell) => [cell.name, cell]));
  return mesh.services.flatMap((service) =>
    service.placement.map((cell, index): Instance => {
      const id = `${service.name}-${index + 1}`;
      const [second, third, fourth] = createHash('sha256').update(id).digest();
      const address = `10.${second}.${third}.${fourth}`;
      return {
        id,
        service: service.name,
        cell,
        zone: cells.get(cell)?.zone ?? '',
        region: cells.get(cell)?.region ?? '',
        address,
        port: 15006,
        adminAddress: `${address}:15000`,
        state: 'ready',
      };
    }),
  );
}

function sentBytes(before: SidecarSnapshot | undefined, after: SidecarSnapshot): number {
  if (before === undefined) return bytesOf(after);
  let bytes = 0;
  for (const [typeUrl, { resources }] of setsOf(after)) {
    for (const { name, version, value } of resources.values()) {
      if (before[typeUrl].resources.get(name)?.version !== version) bytes += value.length;
    }
  }
  return bytes;
}

function bytesOf(snapshot: SidecarSnapshot): number {
  let bytes = 0;
  for (const [, { resources }] of setsOf(snapshot)) {
    for (const { value } of resources.values()) bytes += value.length;
  }
  return bytes;
}

type SidecarSet = SidecarSnapshot[keyof SidecarSnapshot];

function setsOf(snapshot: SidecarSnapshot): [keyof SidecarSnapshot, SidecarSet][] {
  // The keys of a snapshot are the types that a sidecar holds, and nothing else.
  return Object.entries(snapshot) as [keyof SidecarSnapshot, SidecarSet][];
}
