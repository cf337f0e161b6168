import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { RolloutPolicy } from '@dotline/model/rollout-policy';
import { describe, expect, it } from '@jest/globals';
import { SnapshotCache, TypeUrl } from 'envoy-control-plane-ts';
import { pino } from 'pino';
import { Fleet } from './fleet.js';
import type { RolloutCause } from './rollout-failure.js';
import { planRun } from './rollout-run.js';
import type { StepOutcome } from './step-outcome.js';
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

  it('goes back when a sidecar rejects its part of what only adds', async () => {
    const { fleet, changes } = makeFleet(() => 'rejected');
    await fleet.setRevision(revision([]));
    changes.length = 0;
    await fleet.setRevision(revision([AB]));
    expect(changes.map(({ node }) => node)).toEqual([
      ...['b-1', 'b-2', 'settled', 'b-1', 'b-2', 'settled', 'ended: rejected'],
    ]);
    expect(fleet.placedRevision).toBe(revision([]).id);
  });

  it('never goes back from what takes something away, nor from what it went back to', async () => {
    const { fleet } = makeFleet(() => 'rejected');
    await fleet.setRevision(revision([AB]));
    await fleet.setRevision(revision([CB]));
    expect(fleet.placedRevision).toBe(revision([CB]).id);
    await fleet.setRevision(revision([AB, CB]), { atOnce: true });
    expect(fleet.placedRevision).toBe(revision([AB, CB]).id);
  });

  it('goes on with what mends a revision that a sidecar refuses', async () => {
    const { fleet } = makeFleet(() => 'rejected', [], true);
    await fleet.setRevision(revision([]));
    await fleet.setRevision(revision([AB]));
    expect(fleet.placedRevision).toBe(revision([AB]).id);
  });

  it('knows which resources a revision brings to a sidecar', async () => {
    const { fleet, cache } = makeFleet();
    const [before, after] = [revision([AB]), revision([AB, CB])];
    await fleet.setRevision(after);
    const brings = (node: string, typeUrl: TypeUrl, name: string) => {
      const version = cache.get(node, typeUrl)?.resources.get(name)?.version ?? '';
      return fleet.brings({ before }, node, { typeUrl, name, version, detail: '', atMs: 0 });
    };
    expect(brings('c-1', TypeUrl.Cluster, 'b')).toBe(true);
    expect(brings('a-1', TypeUrl.Cluster, 'b')).toBe(false);
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

describe('a rollout in waves', () => {
  const policy = RolloutPolicy.parse({ strategy: 'progressive', waves: ['canary', 'all'] });
  const inWaves = (edges: readonly Edge[]): Revision => {
    const made = revision(edges);
    return { ...made, id: `${made.id}-waves`, mesh: { ...made.mesh, rollout: policy } };
  };
  const nodes = (changes: readonly Change[]) => changes.map(({ node }) => node);

  it('comes to one of several instances, then to the others, and watches in between', async () => {
    const { fleet, changes } = makeFleet();
    await fleet.setRevision(revision([]));
    changes.length = 0;
    await fleet.setRevision(inWaves([AB]));
    expect(nodes(changes)).toEqual([
      ...['b-1', 'settled', 'b-2', 'settled'],
      ...['settled', 'watched canary'],
      ...['a-1', 'settled', 'watched all', 'ended'],
    ]);
    expect(fleet.placedRevision).toBe(inWaves([AB]).id);
  });

  it('goes back when a canary rejects its part, and the others never see it', async () => {
    const { fleet, changes, cache } = makeFleet(() => 'rejected');
    await fleet.setRevision(revision([]));
    const before = cache.get('b-1', TypeUrl.ExtensionConfig)?.version;
    changes.length = 0;
    await fleet.setRevision(inWaves([AB]));
    expect(nodes(changes)).toEqual(['b-1', 'settled', 'b-1', 'settled', 'ended: rejected']);
    expect(cache.get('b-1', TypeUrl.ExtensionConfig)?.version).toBe(before);
    expect(fleet.placedRevision).toBe(revision([]).id);
  });

  it('goes back when what it watches is bad, before it comes to the last wave', async () => {
    const { fleet, changes } = makeFleet(() => 'held', [{ kind: 'no-signal', reason: 'test' }]);
    await fleet.setRevision(revision([AB]));
    changes.length = 0;
    await fleet.setRevision(inWaves([CB, AB]));
    expect(nodes(changes).at(-1)).toBe('ended: no-signal');
    expect(nodes(changes)).not.toContain('c-1');
    expect(fleet.placedRevision).toBe(revision([AB]).id);
  });

  it('does not keep one waiting that goes out at once, and keeps any other', async () => {
    const { fleet, changes, release } = makeFleet(() => 'held', 'until released');
    await fleet.setRevision(revision([]));
    const first = fleet.setRevision(inWaves([AB]));
    await watched(changes, 1);
    void fleet.setRevision(inWaves([AB, CB]));
    expect(nodes(changes)).not.toContain('ended: superseded');
    await fleet.setRevision(revision([CB]), { atOnce: true });
    await first;
    expect(nodes(changes)).toContain('ended: superseded');
    expect(fleet.placedRevision).toBe(revision([CB]).id);
    release();
  });

  it('takes up where it was: nobody is given more than before', async () => {
    const { fleet, changes, cache, release } = makeFleet(() => 'held', 'until released');
    const before = revision([]);
    const wanted = { revision: inWaves([AB]), rolloutId: '1', atOnce: false };
    const run = planRun(before, wanted, instances);
    const index = run.steps.findIndex(({ name }) => name === 'switch');
    fleet.resume(run, index);
    expect(fleet.hasRevision).toBe(true);
    await watched(changes, 1);
    expect([...(cache.get('a-1', TypeUrl.Cluster)?.resources.keys() ?? [])]).not.toContain('b');
    release();
    await fleet.setRevision(inWaves([AB]));
    expect([...(cache.get('a-1', TypeUrl.Cluster)?.resources.keys() ?? [])]).toContain('b');
  });
});

async function watched(changes: readonly Change[], times: number): Promise<void> {
  while (changes.filter(({ node }) => node.startsWith('watched')).length < times) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const REJECTION: RolloutCause = {
  ...{ kind: 'rejected', instance: 'b-1', resource: 'inbound', detail: 'too large', rules: [] },
};

interface Change {
  readonly node: string;
  readonly types: readonly string[];
}

/** A fleet whose cache tells what changed for whom, and when the fleet waited for answers. */
function makeFleet(
  outcome: () => StepOutcome = () => 'held',
  /** What is found of each wave, or that it is watched until released or interrupted. */
  found: readonly RolloutCause[] | 'until released' = [],
  isRefused = false,
) {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const note = (node: string) => changes.push({ node, types: [] });
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
    settledEverywhere: async () => {
      note('settled');
      return outcome();
    },
    settled: async () => {
      note('settled');
      return outcome();
    },
    connected: async () => undefined,
    conductor: {
      stepping: async () => undefined,
      watch: async ({ step }, signal) => {
        note(`watched ${step.wave.name}`);
        if (found !== 'until released') return found;
        const interrupted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        await Promise.race([released, interrupted]);
        return [];
      },
      isRefused: () => isRefused,
      rejected: () => (outcome() === 'rejected' ? [REJECTION] : []),
      ended: async ({ waves }, failure) => {
        const [cause] = failure?.causes ?? [];
        if (waves.length > 1 || cause !== undefined)
          note(cause === undefined ? 'ended' : `ended: ${cause.kind}`);
      },
    },
    placed: () => undefined,
    log: pino({ level: 'silent' }),
  });
  fleet.setInstances(instances);
  return { fleet, cache, changes, release };
}

function revision(edges: readonly Edge[]): Revision {
  const mesh = testMesh(['a', 'b', 'c']);
  // Edges keep their names over revisions, as they do when each follows the other.
  const made = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);
  return { ...made, edgeRevisions: Object.fromEntries(edges.map(({ id }) => [id, 'r'])) };
}
