import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { SnapshotCache, TypeUrl } from 'envoy-control-plane-ts';
import { pino } from 'pino';
import { Fleet, type StepOutcome } from './fleet.js';
import { testEdge, testInstance, testMesh } from './testing/test-revision.js';

const AB = testEdge('a', 'b', ['read']);
const CB = testEdge('c', 'b', ['read']);
const instances = [
  testInstance('a', 1),
  testInstance('b', 1),
  testInstance('b', 2),
  testInstance('c', 1),
];

describe('a fleet', () => {
  it('gives every sidecar its first revision at once', async () => {
    const { fleet, cache } = makeFleet();
    await fleet.setRevision(revision([AB]));
    expect(cache.groups().sort()).toEqual(['a-1', 'b-1', 'b-2', 'c-1']);
    expect(fleet.placedRevision).toBe(revision([AB]).id);
    expect([...(cache.get('a-1', TypeUrl.Cluster)?.resources.keys() ?? [])]).toContain('b');
    expect([...(cache.get('c-1', TypeUrl.Cluster)?.resources.keys() ?? [])]).not.toContain('b');
  });

  it('lets the callee in on a new edge before it gives the caller its route', async () => {
    const { fleet, changes } = makeFleet();
    await fleet.setRevision(revision([]));
    changes.length = 0;
    await fleet.setRevision(revision([AB]));
    expect(changes.map(({ node }) => node)).toEqual(['b-1', 'b-2', 'settled', 'a-1']);
    expect(changes[0]?.types).toEqual([TypeUrl.ExtensionConfig]);
  });

  it('takes the caller its route before the callee stops letting it in', async () => {
    const { fleet, changes } = makeFleet();
    await fleet.setRevision(revision([AB]));
    changes.length = 0;
    await fleet.setRevision(revision([]));
    expect(changes.map(({ node }) => node)).toEqual(['a-1', 'settled', 'b-1', 'b-2']);
  });

  it('leaves sidecars alone that a change does not touch', async () => {
    const { fleet, changes } = makeFleet();
    await fleet.setRevision(revision([AB]));
    changes.length = 0;
    await fleet.setRevision(revision([AB, CB]));
    expect(changes.map(({ node }) => node)).not.toContain('a-1');
  });

  it('changes nothing for a commit', async () => {
    const { fleet, changes } = makeFleet();
    await fleet.setRevision(revision([AB]));
    changes.length = 0;
    await fleet.setRevision({ ...revision([AB]), id: 'other', commit: 'abc' });
    expect(changes.filter(({ node }) => node !== 'settled')).toEqual([]);
    expect(fleet.placedRevision).toBe('other');
  });

  it('stops a rollout that only adds when a sidecar rejects its part', async () => {
    const { fleet, changes } = makeFleet(() => 'rejected');
    await fleet.setRevision(revision([]));
    changes.length = 0;
    await fleet.setRevision(revision([AB]));
    expect(changes.map(({ node }) => node)).toEqual(['b-1', 'b-2', 'settled']);
    expect(fleet.placedRevision).toBeUndefined();
    // The next revision goes on from there.
    await fleet.setRevision(revision([]));
    expect(fleet.placedRevision).toBe(revision([]).id);
  });

  it('never stops a rollout that takes something away', async () => {
    const { fleet } = makeFleet(() => 'rejected');
    await fleet.setRevision(revision([AB]));
    await fleet.setRevision(revision([CB]));
    expect(fleet.placedRevision).toBe(revision([CB]).id);
  });

  it('tells callers of new, gone and no longer ready instances, and nobody else', async () => {
    const { fleet, cache, changes } = makeFleet();
    await fleet.setRevision(revision([AB]));
    const before = cache.get('a-1', TypeUrl.Endpoint)?.resources.get('b')?.version;
    changes.length = 0;
    const draining: Instance[] = instances.map((each) =>
      each.id === 'b-2' ? { ...each, state: 'draining' } : each,
    );
    fleet.setInstances(draining);
    expect(changes.map(({ node, types }) => [node, types])).toEqual([
      ['a-1', [TypeUrl.Endpoint]],
      ['b-1', [TypeUrl.Endpoint]],
      ['b-2', [TypeUrl.Endpoint]],
    ]);
    expect(cache.get('a-1', TypeUrl.Endpoint)?.resources.get('b')?.version).not.toBe(before);

    fleet.setInstances(draining.filter(({ id }) => id !== 'b-2'));
    expect(cache.groups()).not.toContain('b-2');
  });

  it('leaves nothing to the sidecar of a service that left the mesh', async () => {
    const { fleet, cache } = makeFleet();
    await fleet.setRevision(revision([AB]));
    const mesh = testMesh(['a', 'b']);
    await fleet.setRevision(makeRevision({ mesh, edges: [AB], createdAtMs: 2 }, undefined));
    expect(cache.get('c-1', TypeUrl.Listener)?.resources.size).toBe(0);
    expect(cache.get('a-1', TypeUrl.Listener)?.resources.size).toBeGreaterThan(0);
  });

  it('takes the newest of many revisions that come at once', async () => {
    const { fleet } = makeFleet();
    const many = [[AB], [], [CB], [AB, CB]].map(revision);
    await Promise.all(many.map((each) => fleet.setRevision(each)));
    expect(fleet.placedRevision).toBe(many.at(-1)?.id);
  });
});

interface Change {
  readonly node: string;
  readonly types: readonly string[];
}

/** A fleet whose cache tells what changed for whom, and when the fleet waited for answers. */
function makeFleet(outcome: () => StepOutcome = () => 'held') {
  const cache = new SnapshotCache();
  const changes: Change[] = [];
  const versions = (node: string) =>
    Object.values(TypeUrl).map((type) => [type, cache.get(node, type)?.version] as const);
  const fleet = new Fleet({
    cache: {
      groups: () => cache.groups(),
      clearSnapshot: (node) => cache.clearSnapshot(node),
      setSnapshot: (node, snapshot) => {
        const before = new Map(versions(node));
        cache.setSnapshot(node, snapshot);
        const types = versions(node).flatMap(([type, version]) =>
          before.get(type) === version ? [] : [type],
        );
        if (types.length > 0) changes.push({ node, types: types.sort() });
      },
    },
    telemetry: {
      grpc: { address: '127.0.0.1', port: 4317 },
      http: { address: '127.0.0.1', port: 4318 },
    },
    settled: async () => {
      changes.push({ node: 'settled', types: [] });
      return outcome();
    },
    connected: async () => undefined,
    conductor: {
      stepping: async () => undefined,
      watch: async () => [],
      rejected: () => [],
      ended: async () => undefined,
    },
    placed: () => undefined,
    log: pino({ level: 'silent' }),
  });
  fleet.setInstances(instances);
  return { fleet, cache, changes };
}

function revision(edges: readonly Edge[]): Revision {
  const mesh = testMesh(['a', 'b', 'c']);
  // Edges keep their names over revisions, as they do when each follows the other.
  const made = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);
  return { ...made, edgeRevisions: Object.fromEntries(edges.map(({ id }) => [id, 'r'])) };
}
