import { createHash } from 'node:crypto';
import type { Mesh } from '@dotline/model/mesh';

const known = new WeakMap<Mesh, string>();

/**
 * Names everything of a mesh that sidecars are made from, except edges and instances: two meshes with
 * the same key, edges and instances give the same sidecars.
 */
export function catalogKey(mesh: Mesh): string {
  const before = known.get(mesh);
  if (before !== undefined) return before;
  const { name, trustDomain, contact, tokenIssuers = [] } = mesh;
  const teams = mesh.teams.map((team) => [team.name, team.contact]).sort(byName);
  const services = mesh.services
    .map(
      ({ name: service, team, operations, egress }) => [service, team, operations, egress] as const,
    )
    .sort(byName);
  const key = createHash('sha256')
    .update(JSON.stringify([name, trustDomain, contact, teams, services, tokenIssuers], ordered))
    .digest('base64');
  known.set(mesh, key);
  return key;
}

/** PostgreSQL keeps no order of keys: a mesh that was stored has the same key as before. */
function ordered(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(byName));
}

function byName([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}
