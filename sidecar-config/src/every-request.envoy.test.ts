import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh, Service } from '@dotline/model/mesh';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { edgesOf, joinRelations } from '@dotline/policies/join-relations';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { outboundSocket } from './sidecar-directory.js';
import type { Identity } from './testing/certificate-authority.js';
import {
  type Asked,
  askCallee,
  askThrough,
  type Outcome,
  plainRequestsOf,
  requestsOf,
  statusByEdges,
} from './testing/every-request.js';
import { instanceOf, meshOf } from './testing/mesh.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

// Real OPA processes and a sidecar for each service, on a machine that may have other work.
jest.setTimeout(120_000);

/** An identity of the mesh that belongs to none of its services. */
const STRANGER = 'stranger';

/** One instance of each service, in the mesh's first cell. */
function instancesOf(mesh: Mesh): Instance[] {
  const at = loopbackNetwork();
  const [cell] = mesh.cells;
  if (cell === undefined) throw new Error('a mesh without cells');
  const { name, zone, region } = cell;
  return mesh.services.map((service, index) =>
    instanceOf(service.name, { ...at(index + 1), cell: name, zone, region }),
  );
}

async function identitiesOf(running: RunningMesh, callers: readonly string[]) {
  return new Map(
    await Promise.all(
      callers.map(async (caller): Promise<[string, Identity]> => {
        const id = serviceSpiffeId(running.mesh.trustDomain, caller);
        return [caller, await running.authority.issue(id)];
      }),
    ),
  );
}

/** What came out differently from what edges say; the answer of a wrong app is different too. */
function different(
  outcomes: readonly Outcome[],
  statusOf: ReturnType<typeof statusByEdges>,
): string[] {
  return outcomes
    .filter(({ caller, callee, status, instance, ...asked }) => {
      const expected = statusOf(caller, callee, asked);
      return status !== expected || (status === 200 && instance !== `${callee}-1`);
    })
    .map(({ caller, callee, method, path, status, instance }) => {
      const expected = statusOf(caller, callee, { method, path });
      return `${caller} → ${callee} ${method} ${path}: ${status} ${instance}, not ${expected}`;
    });
}

describe('the example mesh', () => {
  let mesh: Mesh;
  let edges: readonly Edge[];
  let instances: readonly Instance[];
  let running: RunningMesh;
  let cacheDirectory: string;

  beforeAll(async () => {
    cacheDirectory = await mkdtemp(join(tmpdir(), 'every-request-'));
    mesh = await loadMesh(fileURLToPath(new URL('../../', import.meta.url)));
    const opaPath = process.env.OPA_PATH ?? 'opa';
    const compiler = new PolicyCompiler({ opaPath, cacheDirectory });
    ({ edges } = await compiler.compile(mesh));
    await compiler.close();
    instances = instancesOf(mesh);
    running = await RunningMesh.start({ mesh, instances, edges });
  });

  afterAll(async () => {
    await running?.stop();
    await rm(cacheDirectory, { recursive: true, force: true });
  });

  /** Every operation for every pair; near misses where there is an edge that might take them for its own. */
  const requestsBetween = (caller: string, callee: Service): Asked[] =>
    edges.some((edge) => edge.caller === caller && edge.callee === callee.name)
      ? requestsOf(callee)
      : plainRequestsOf(callee);

  it('lets in at every callee exactly what its policies agree on, whoever asks', async () => {
    const identities = await identitiesOf(running, [
      ...mesh.services.map(({ name }) => name),
      STRANGER,
    ]);
    const outcomes: Outcome[] = [];
    for (const target of instances) {
      const service = mesh.services.find(({ name }) => name === target.service);
      if (service === undefined) continue;
      for (const [caller, identity] of identities) {
        const requests = requestsBetween(caller, service);
        outcomes.push(...(await askCallee(caller, identity, target, requests)));
      }
    }
    expect(different(outcomes, statusByEdges(mesh, edges))).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(1_500);
    const agreed = edges.reduce((sum, edge) => sum + edge.operations.length, 0);
    expect(outcomes.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(agreed);
  });

  it('lets out of every caller exactly what its policies agree on, to the right callee', async () => {
    const outcomes: Outcome[] = [];
    for (const { id, service } of instances) {
      const requests = mesh.services.flatMap((callee) =>
        requestsBetween(service, callee).map((asked) => ({ ...asked, callee: callee.name })),
      );
      const socket = outboundSocket(running.runDirectory, id);
      outcomes.push(...(await askThrough(socket, service, requests)));
    }
    expect(different(outcomes, statusByEdges(mesh, edges))).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(1_500);
    expect(running.nacks).toEqual([]);
  });
});

describe('a generated mesh of 100 services', () => {
  const SEED = 20_261_124;
  const PRESENT = ['svc-0', 'svc-1', 'svc-2'];
  const TEMPLATES = ['/v1/a', '/v1/a/{x}', '/v1/a/latest', '/v1/{x}/b', '/v1/a/{x}/b', '/{x}/a/b'];
  const METHODS = ['GET', 'POST', 'PUT'];

  /** Operations whose templates overlap, and needs and grants at random, many of them about three services. */
  const generated = fc
    .array(
      fc.uniqueArray(fc.tuple(fc.constantFrom(...METHODS), fc.constantFrom(...TEMPLATES)), {
        minLength: 1,
        maxLength: 6,
        selector: ([method, path]) => `${method} ${path.replaceAll('{x}', '{}')}`,
      }),
      { minLength: 100, maxLength: 100 },
    )
    .map((services) =>
      meshOf(
        Object.fromEntries(
          services.map((operations, index) => [
            `svc-${index}`,
            {
              team: `team-${index % 10}`,
              operations: Object.fromEntries(
                operations.map((operation, number) => [`op-${number}`, operation.join(' ')]),
              ),
            },
          ]),
        ),
      ),
    )
    .chain((mesh) => {
      const service = fc.constantFrom(...mesh.services);
      const present = service.filter(({ name }) => PRESENT.includes(name));
      const relation = fc
        .tuple(fc.oneof(service, present), fc.oneof(service, present), fc.nat())
        .map(([caller, callee, number]) => ({
          service: caller.name,
          team: caller.team,
          operation: callee.operations[number % callee.operations.length]?.id ?? '',
        }));
      return fc.record({
        mesh: fc.constant(mesh),
        needs: fc.array(relation, { minLength: 1_500, maxLength: 1_500 }),
        grants: fc.array(relation, { minLength: 1_000, maxLength: 1_000 }),
      });
    });

  const [{ mesh, edges } = { mesh: meshOf({}), edges: [] }] = fc
    .sample(generated, { numRuns: 1, seed: SEED })
    .map(({ mesh, needs, grants }) => {
      const witness = { team: 'test', file: 'policies/test.rego', line: 1 };
      const stated = {
        needs: needs.map(({ service, operation }) => ({ service, operation, witness })),
        grants: grants.map(({ service, team, operation }, index) => ({
          operation,
          caller:
            index % 2 === 0
              ? { kind: 'service' as const, name: service }
              : { kind: 'team' as const, name: team },
          witness,
        })),
        baseline: [],
      };
      return { mesh, edges: edgesOf(joinRelations(mesh, stated).agreements, []) };
    });
  const instances = instancesOf(mesh);
  const here = instances.filter(({ service }) => PRESENT.includes(service));
  let running: RunningMesh;

  beforeAll(async () => {
    const absent = instances.filter((each) => !here.includes(each)).map(({ id }) => id);
    running = await RunningMesh.start({ mesh, instances, edges, absent });
  });

  afterAll(async () => {
    await running?.stop();
  });

  /** Some of the ways to ask a service. */
  const sampleOf = (name: string, count: number, seed: number): Asked[] => {
    const requests = mesh.services.filter((each) => each.name === name).flatMap(requestsOf);
    return fc.sample(fc.constantFrom(...requests), { numRuns: count, seed });
  };

  it('lets in what its relations agree on, in samples', async () => {
    const callers = mesh.services.map(({ name }) => name).filter((_, index) => index % 3 === 0);
    const identities = await identitiesOf(running, [...callers, STRANGER]);
    const outcomes: Outcome[] = [];
    for (const [index, target] of here.entries()) {
      for (const [caller, identity] of identities) {
        const requests = sampleOf(target.service, 20, SEED + index);
        outcomes.push(...(await askCallee(caller, identity, target, requests)));
      }
    }
    const statusOf = statusByEdges(mesh, edges);
    expect(different(outcomes, statusOf)).toEqual([]);
    expect(outcomes.filter(({ status }) => status === 200).length).toBeGreaterThan(30);
  });

  it('lets out what its relations agree on, in samples', async () => {
    const callees = mesh.services.map(({ name }) => name);
    const outcomes: Outcome[] = [];
    for (const [index, { id, service }] of here.entries()) {
      const requests = callees.flatMap((callee) =>
        sampleOf(callee, 8, SEED + index).map((asked) => ({ ...asked, callee })),
      );
      const socket = outboundSocket(running.runDirectory, id);
      outcomes.push(...(await askThrough(socket, service, requests)));
    }
    const statusOf = statusByEdges(mesh, edges);
    // Nobody runs most of the callees: what is let out to them comes to nothing, and is not a denial.
    const seen = outcomes.map((outcome) =>
      outcome.status === 503 && !PRESENT.includes(outcome.callee)
        ? { ...outcome, status: 200, instance: `${outcome.callee}-1` }
        : outcome,
    );
    expect(different(seen, statusOf)).toEqual([]);
    expect(seen.filter(({ status }) => status === 200).length).toBeGreaterThan(30);
  });
});
