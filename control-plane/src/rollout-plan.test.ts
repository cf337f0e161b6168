import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh, Service } from '@dotline/model/mesh';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { RolloutPolicy } from '@dotline/model/rollout-policy';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isRevocation,
  type Placement,
  returnSteps,
  rolloutSteps,
  touchedServices,
  wholePlacement,
  wholeRevision,
} from './rollout-plan.js';
import { isInWave, rolloutWaves, type Wave } from './rollout-waves.js';
import { testEdge, testInstance, testMesh } from './testing/test-revision.js';

const AB = testEdge('a', 'b', ['read']);
const AB_WIDE = testEdge('a', 'b', ['read', 'write']);
const CB = testEdge('c', 'b', ['read']);
const ALL: [Wave] = [{ name: 'all' }];
const WAVES: [Wave, ...Wave[]] = [
  { name: 'canary', instances: ['a-1', 'b-1'] },
  { name: 'cell', cell: 'cell-2', instances: ['a-1', 'b-1'] },
  { name: 'all' },
];

describe('rollout steps', () => {
  it.each([
    ['an edge is added: the callee first', [], [AB], ['widen', 'switch']],
    ['an edge is removed: the callee last', [AB], [], ['switch', 'narrow']],
    ['an edge is widened', [AB], [AB_WIDE], ['widen', 'switch']],
    ['an edge is narrowed', [AB_WIDE], [AB], ['switch', 'narrow']],
    ['one is added and another removed', [AB], [CB], ['widen', 'switch', 'narrow']],
    ['nothing about edges', [AB], [AB], ['switch']],
  ] as [string, Edge[], Edge[], string[]][])('%s', (_title, before, after, names) => {
    const steps = rolloutSteps(revision(before), revision(after), ALL);
    expect(steps.map(({ name }) => name)).toEqual(names);
    expect(steps.some(({ isWatched }) => isWatched)).toBe(false);
  });

  it('come to callees in two waves, to callers in all, and each of those is watched', () => {
    const steps = rolloutSteps(revision([AB]), revision([CB]), WAVES);
    expect(
      steps.map(({ name, wave, isWatched }) => [
        name,
        wave.name,
        ...(isWatched ? ['watched'] : []),
      ]),
    ).toEqual([
      ['widen', 'canary'],
      ['widen', 'all'],
      ['switch', 'canary', 'watched'],
      ['switch', 'cell', 'watched'],
      ['switch', 'all'],
      ['narrow', 'canary'],
      ['narrow', 'all', 'watched'],
    ]);
  });

  it('let in an operation in its old form until the last caller has the new one', () => {
    const before = revision([AB]);
    const after = revision([AB], reformed(testMesh(['a', 'b', 'c']), 'b'));
    const [widen] = rolloutSteps(before, after, WAVES);
    const [canary] = widen?.placement.stages ?? [];
    const paths = canary?.inbound.mesh.services.find(({ name }) => name === 'b')?.operations;
    expect(paths?.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/v1/items/{id}', '/v2/items/{id}']),
    );
  });
});

describe('whatever changes, in whatever waves', () => {
  it('no caller has a route that a callee refuses, nobody is let in whom neither revision lets in, and the end is the new revision', () => {
    fc.assert(
      fc.property(changes, ({ before, after, waves, instances }) => {
        const steps = rolloutSteps(before, after, waves).map(({ placement }) => placement);
        checkMoments([wholePlacement(before), ...steps], before, after, instances);
        const last = steps.at(-1);
        expect(last && wholeRevision(last)).toBe(after);
      }),
      { numRuns: 150 },
    );
  });

  it('the same holds on the way back from every step, which ends at the old revision', () => {
    fc.assert(
      fc.property(changes, fc.nat(), ({ before, after, waves, instances }, pick) => {
        const steps = rolloutSteps(before, after, waves);
        const from = steps[pick % steps.length]?.placement ?? wholePlacement(after);
        const back = returnSteps(from, before, after).map(({ placement }) => placement);
        checkMoments([from, ...back], before, after, instances);
        const last = back.at(-1);
        expect(last && wholeRevision(last)).toBe(before);
      }),
      { numRuns: 150 },
    );
  });
});

describe('waves', () => {
  const instances = [
    ...['a', 'b'].flatMap((service) => [
      inCell(testInstance(service, 1), 'cell-1'),
      inCell(testInstance(service, 2), 'cell-2'),
      inCell(testInstance(service, 10), 'cell-2'),
    ]),
    inCell(testInstance('c', 1), 'cell-1'),
  ];
  const cells = ['cell-1', 'cell-2'];
  const membersOf = (policy: Partial<RolloutPolicy> | undefined, of = instances) =>
    rolloutWaves(policy && RolloutPolicy.parse(policy), of, cells).map((wave) => [
      wave.name,
      of.filter((instance) => isInWave(wave, instance)).map(({ id }) => id),
    ]);
  const all = instances.map(({ id }) => id);
  const progressive = { strategy: 'progressive' as const };

  it('are one unless the mesh wants more', () => {
    expect(membersOf(undefined)).toEqual([['all', all]]);
    expect(membersOf({})).toEqual([['all', all]]);
  });

  it('are a canary of each service that has several, a cell, and all', () => {
    expect(membersOf(progressive)).toEqual([
      ['canary', ['a-1', 'b-1']],
      ['cell', ['a-1', 'b-1', 'c-1']],
      ['all', all],
    ]);
    expect(membersOf({ ...progressive, cell: 'cell-2', canaries: '40%' })[0]).toEqual([
      'canary',
      ['a-2', 'b-2'],
    ]);
    expect(membersOf({ ...progressive, cell: 'cell-2', canaries: 2 })).toEqual([
      ['canary', ['a-2', 'a-10', 'b-2', 'b-10']],
      ['all', all],
    ]);
  });

  it('leave out what would have nobody more, or everybody', () => {
    const one = instances.filter(({ service }) => service === 'c');
    expect(membersOf(progressive, one)).toEqual([['all', ['c-1']]]);
    expect(membersOf(progressive, [])).toEqual([['all', []]]);
    expect(membersOf({ ...progressive, waves: ['cell', 'all'] }).map(([name]) => name)).toEqual([
      'cell',
      'all',
    ]);
  });
});

describe('touched services', () => {
  it('are both ends of the edges that differ', () => {
    expect(touchedServices(revision([AB]), revision([AB, CB]))).toEqual(new Set(['b', 'c']));
    expect(touchedServices(revision([AB]), revision([AB]))).toEqual(new Set());
  });

  it('are those of an edge that took its form in another revision', () => {
    const before = revision([AB]);
    const after = { ...before, edgeRevisions: { [AB.id]: 'other' } };
    expect(touchedServices(before, after)).toEqual(new Set(['a', 'b']));
  });

  it('are all when the catalog differs, but not for another folder or objective', () => {
    const before = revision([AB]);
    const mesh = { ...before.mesh, contact: 'someone else' };
    expect(touchedServices(before, { ...before, mesh })).toBe('all');
    const moved = { ...before.mesh, directory: '/elsewhere', objectives: [] };
    expect(touchedServices(before, { ...before, mesh: moved })).toEqual(new Set());
  });
});

describe('a revision that comes back from PostgreSQL', () => {
  it('touches nobody, whatever the order of its keys', () => {
    const before = revision([AB]);
    const stored = JSON.parse(JSON.stringify(before), (_key, value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as Revision;
    expect(touchedServices(stored, before)).toEqual(new Set());
  });
});

describe('revocation', () => {
  it.each([
    ['an edge goes', [AB], [], true],
    ['an operation goes', [AB_WIDE], [AB], true],
    ['an operation comes', [AB], [AB_WIDE], false],
    ['an edge comes', [], [AB], false],
  ])('%s', (_title, before, after, expected) => {
    expect(isRevocation(revision(before), revision(after))).toBe(expected);
  });
});

/** Two revisions of up to four services, and their instances in two cells in any waves. */
const changes = fc
  .record({
    before: fc.record({ services: someServices(), edges: someEdges(), reformed: someServices() }),
    after: fc.record({ services: someServices(), edges: someEdges(), reformed: someServices() }),
    canaries: fc.subarray(['a-1', 'a-2', 'b-1', 'b-2', 'c-1', 'd-2']),
    waves: fc.subarray(['canary', 'cell'] as const),
  })
  .map(({ before, after, canaries, waves }) => ({
    before: revisionOf(before),
    after: revisionOf(after),
    instances: ['a', 'b', 'c', 'd'].flatMap((service) => [
      inCell(testInstance(service, 1), 'cell-1'),
      inCell(testInstance(service, 2), 'cell-2'),
    ]),
    waves: [
      ...waves.map(
        (name): Wave =>
          name === 'cell'
            ? { name, cell: 'cell-1', instances: canaries }
            : { name, instances: canaries },
      ),
      { name: 'all' },
    ] as unknown as [Wave, ...Wave[]],
  }));

function someServices() {
  return fc.subarray(['a', 'b', 'c', 'd']);
}

function someEdges() {
  const pairs = ['a', 'b', 'c', 'd'].flatMap((caller) =>
    ['a', 'b', 'c', 'd'].filter((other) => other !== caller).map((other) => [caller, other]),
  );
  return fc.array(
    fc.record({
      pair: fc.constantFrom(...pairs),
      operations: fc.subarray(['read', 'write'] as const, { minLength: 1 }),
    }),
    { maxLength: 6 },
  );
}

function revisionOf(of: {
  services: string[];
  edges: { pair: string[]; operations: ('read' | 'write')[] }[];
  reformed: string[];
}): Revision {
  const mesh = of.reformed.reduce(reformed, testMesh(of.services));
  const edges = new Map(
    of.edges
      .filter(({ pair }) => pair.every((name) => of.services.includes(name)))
      .map(({ pair: [caller = '', callee = ''], operations }) => {
        const edge = testEdge(caller, callee, operations);
        return [edge.id, edge] as const;
      }),
  );
  return revision([...edges.values()], mesh);
}

/**
 * Between two placements each sidecar may have the one or the other: every route that any caller may
 * have then is let in by every instance of its callee, whichever it has.
 */
function checkMoments(
  placements: readonly Placement[],
  before: Revision,
  after: Revision,
  instances: readonly Instance[],
): void {
  const either = new Set([...routes(before), ...routes(after)]);
  for (const [index, placement] of placements.entries()) {
    const moment = [placement, placements[index + 1] ?? placement];
    const ofService = (service: string) => instances.filter((each) => each.service === service);
    for (const { stageOf } of moment) {
      for (const caller of instances) {
        const { rest } = stageOf(caller);
        for (const route of routes(rest, (edge) => edge.caller === caller.service)) {
          const callee = route.split(' ')[1] ?? '';
          for (const instance of ofService(callee)) {
            for (const other of moment) expect(letIn(other, instance)).toContain(route);
          }
        }
        for (const route of letIn({ stageOf }, caller)) expect(either).toContain(route);
      }
    }
  }
}

/** What an instance lets in; nothing while its service is not in the catalog that it is given. */
function letIn({ stageOf }: Pick<Placement, 'stageOf'>, instance: Instance): string[] {
  const { inbound, rest } = stageOf(instance);
  const isKnown = rest.mesh.services.some(({ name }) => name === instance.service);
  return isKnown ? routes(inbound, (edge) => edge.callee === instance.service) : [];
}

/** Caller, callee, method and path of all that a revision allows. */
function routes({ mesh, edges }: Revision, wanted: (edge: Edge) => boolean = () => true): string[] {
  return edges.filter(wanted).flatMap(({ caller, callee, operations }) =>
    operations.map(({ operation }) => {
      const offered = mesh.services.find(({ name }) => name === callee)?.operations;
      const form = offered?.find(({ id }) => id === operation);
      if (form === undefined) throw new Error(`${operation} is not in the catalog`);
      return `${caller} ${callee} ${form.method} ${form.path}`;
    }),
  );
}

function reformed(mesh: Mesh, name: string): Mesh {
  const services = mesh.services.map((service: Service) => ({
    ...service,
    operations: service.operations.map((operation) =>
      service.name === name
        ? { ...operation, path: operation.path.replace('/v1/', '/v2/') }
        : operation,
    ),
  }));
  return { ...mesh, services };
}

function inCell(instance: Instance, cell: string): Instance {
  return { ...instance, cell };
}

function revision(edges: readonly Edge[], mesh: Mesh = testMesh(['a', 'b', 'c'])): Revision {
  const made = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);
  // Edges keep their names over revisions, as they do when each follows the other.
  return { ...made, edgeRevisions: Object.fromEntries(edges.map(({ id }) => [id, 'r'])) };
}
