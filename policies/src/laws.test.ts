import type { Edge } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { edgesOf, type Join, joinRelations } from './join-relations.js';
import type { Grant, GuardrailDenial, StatedRelations } from './relations.js';
import {
  meshOfSketch,
  otherRulesOfOneTeam,
  type PolicySketch,
  policySketch,
  written,
} from './testing/generated-policies.js';

/** Statements of a sketch joined, with some of the agreements refused. */
function networkOf(sketch: PolicySketch) {
  const mesh = meshOfSketch(sketch);
  const { stated } = written(sketch);
  return { mesh, stated, join: joinRelations(mesh, stated) };
}

/** Agreements that a guardrail refuses: any part of them. */
function refusals(join: Join): fc.Arbitrary<GuardrailDenial[]> {
  return fc.subarray([...join.agreements]).map((agreements) =>
    agreements.map(({ caller, callee, operation }) => ({
      caller,
      callee,
      operation,
      reason: 'refused',
      guardrail: { team: 'platform', file: 'policies/platform/guardrails.rego', line: 3 },
    })),
  );
}

/** `caller operation` of everything that edges allow, with its proof. */
function allowed(edges: readonly Edge[]): Map<string, string> {
  return new Map(
    edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation, need, grant }) => [
        `${caller} ${operation}`,
        JSON.stringify([need, grant]),
      ]),
    ),
  );
}

/** The definition, read out loud: every need, every grant, every kind of caller. */
function agreedByDefinition(mesh: Mesh, { needs, grants, baseline }: StatedRelations): Set<string> {
  const covers = ({ caller }: Grant, name: string) => {
    const service = mesh.services.find((each) => each.name === name);
    const own = { service: name, ...service };
    return own[caller.kind] === caller.name;
  };
  const agreed = needs.filter(({ service, operation }) =>
    grants.some((grant) => grant.operation === operation && covers(grant, service)),
  );
  return new Set(
    [...agreed, ...baseline].map(({ service, operation }) => `${service} ${operation}`),
  );
}

describe('the network that policies agree on', () => {
  it('is what is needed and granted, less what guardrails refuse', () => {
    const some = policySketch
      .map(networkOf)
      .chain((network) =>
        fc.record({ network: fc.constant(network), refused: refusals(network.join) }),
      );
    fc.assert(
      fc.property(some, ({ network: { mesh, stated, join }, refused }) => {
        const expected = agreedByDefinition(mesh, stated);
        for (const { caller, operation } of refused) expected.delete(`${caller} ${operation}`);
        expect(new Set(allowed(edgesOf(join.agreements, refused)).keys())).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('only shrinks when guardrails refuse more, and what stays keeps its proof', () => {
    const some = policySketch.map(networkOf).chain((network) =>
      fc.record({
        network: fc.constant(network),
        refused: refusals(network.join),
        more: refusals(network.join),
      }),
    );
    fc.assert(
      fc.property(some, ({ network: { join }, refused, more }) => {
        const before = allowed(edgesOf(join.agreements, refused));
        const after = allowed(edgesOf(join.agreements, [...refused, ...more]));
        for (const [key, proof] of after) expect(before.get(key)).toBe(proof);
        const named = new Set(more.map(({ caller, operation }) => `${caller} ${operation}`));
        for (const key of before.keys()) expect(after.has(key)).toBe(!named.has(key));
      }),
      { numRuns: 200 },
    );
  });

  it('changes only at edges of the team whose rules change', () => {
    const some = policySketch.chain((sketch) =>
      otherRulesOfOneTeam(sketch).map((change) => ({ sketch, ...change })),
    );
    fc.assert(
      fc.property(some, ({ sketch, team, changed }) => {
        const { mesh, join } = networkOf(sketch);
        const own = new Set(mesh.services.filter((each) => each.team === team).map((s) => s.name));
        const elsewhere = (of: Join) =>
          edgesOf(of.agreements, []).filter(
            ({ caller, callee }) => !own.has(caller) && !own.has(callee),
          );
        expect(elsewhere(networkOf(changed).join)).toEqual(elsewhere(join));
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order of services, teams and relations', () => {
    const shuffled = <Item>(items: readonly Item[]) =>
      fc.shuffledSubarray([...items], { minLength: items.length });
    const some = policySketch.map(networkOf).chain((network) =>
      fc.record({
        network: fc.constant(network),
        services: shuffled(network.mesh.services),
        teams: shuffled(network.mesh.teams),
        needs: shuffled(network.stated.needs),
        grants: shuffled(network.stated.grants),
      }),
    );
    fc.assert(
      fc.property(some, ({ network: { mesh, stated, join }, services, teams, ...relations }) => {
        const other = joinRelations({ ...mesh, services, teams }, { ...stated, ...relations });
        expect(edgesOf(other.agreements, [])).toEqual(edgesOf(join.agreements, []));
        expect(new Set(other.ungranted)).toEqual(new Set(join.ungranted));
        expect(new Set(other.unused)).toEqual(new Set(join.unused));
      }),
      { numRuns: 200 },
    );
  });

  it('has both witnesses at every edge: a need of the caller, a grant that covers it', () => {
    fc.assert(
      fc.property(policySketch.map(networkOf), ({ mesh, stated, join }) => {
        for (const { caller, callee, operations } of edgesOf(join.agreements, [])) {
          expect(operations.length).toBeGreaterThan(0);
          for (const { operation, need, grant } of operations) {
            expect(operation.startsWith(`${callee}.`)).toBe(true);
            expect(stated.needs).toContainEqual({ service: caller, operation, witness: need });
            const proofs = stated.grants.filter((each) => each.witness === grant);
            const alone = { needs: [{ service: caller, operation, witness: need }], baseline: [] };
            expect(agreedByDefinition(mesh, { ...alone, grants: proofs }).size).toBe(1);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
