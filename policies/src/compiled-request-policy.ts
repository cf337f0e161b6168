import type { Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import type { RequestPolicy, RequestRule } from '@dotline/model/request-policy';
import type { BuiltUnit } from './build-unit.js';
import { encodeRequestPolicy, requestPolicyHash } from './request-policy-document.js';

/** A request policy with the document that authorizers decide with. */
export interface CompiledRequestPolicy extends RequestPolicy {
  readonly document: Uint8Array;
}

/** What a revision holds of a request policy. */
export function withoutDocument({ team, hash, rules }: CompiledRequestPolicy): RequestPolicy {
  return { team, hash, rules };
}

/**
 * What a team's build says about single requests.
 * @param rules not empty
 * @param catalog what policies see as `data`, as JSON text
 */
export function compiledRequestPolicy(
  mesh: Mesh,
  team: string,
  { facts, wasm }: BuiltUnit,
  rules: readonly RequestRule[],
  catalog: string,
): CompiledRequestPolicy {
  // Left out, the operations would be open to everyone: the check of the unit must have refused this.
  if (facts.decision === undefined || wasm === undefined) {
    throw new RangeError(`team ${team} decides requests without a rule that allows any`);
  }
  const operations = new Map(
    mesh.services.flatMap((service) => service.operations).map((each) => [each.id, each]),
  );
  const document = encodeRequestPolicy({
    team,
    contact: mesh.teams.find(({ name }) => name === team)?.contact ?? mesh.contact,
    entrypoint: facts.decision.entrypoint,
    rules: facts.rules.map(placeOf),
    operations: rules.flatMap(({ operation, fail, witness }) => {
      const found = operations.get(operation);
      if (found === undefined) return [];
      const { id, service, path } = found;
      return [{ id, service, path, fail, rule: placeOf(witness) }];
    }),
    data: facts.decision.readsCatalog ? catalog : '{}',
    wasm: Buffer.from(wasm).toString('base64'),
  });
  return { team, hash: requestPolicyHash(document), rules, document };
}

function placeOf({ file, line, title }: Witness) {
  return { file, line, ...(title === undefined ? {} : { title }) };
}
