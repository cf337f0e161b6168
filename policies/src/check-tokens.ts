import { believedIssuers } from '@dotline/model/believed-issuers';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import type { CompiledPolicies } from './compile-policies.js';
import type { PolicyUnit } from './policy-unit.js';

const CLAIMS = /\binput\.claims\b/;

/** Services whose requests are decided by the claims of tokens that they cannot verify: there will be no claims. */
export function unverifiableTokens(
  mesh: Mesh,
  { requestPolicies, edges }: Pick<CompiledPolicies, 'requestPolicies' | 'edges'>,
  teams: readonly PolicyUnit[],
): Problem[] {
  const readers = new Set(
    teams
      .filter(({ sources }) => sources.some(({ text }) => CLAIMS.test(text)))
      .map(({ owner }) => owner),
  );
  const offered = (mesh.tokenIssuers ?? []).flatMap(({ keys }) =>
    keys.kind === 'operation' ? [keys.operation] : [],
  );
  return requestPolicies
    .filter(({ team }) => readers.has(team))
    .flatMap(({ rules }) => rules)
    .flatMap(({ operation, witness: { file, line } }): Problem[] => {
      const [service = ''] = operation.split('.');
      const outbound = edges.filter(({ caller }) => caller === service);
      if (believedIssuers(mesh, service, outbound).length > 0) return [];
      const message = `${service} believes no issuer of tokens, so claims are null whenever ${operation} is decided`;
      const hint =
        offered.length === 0
          ? 'name one under jwt in mesh.yaml'
          : `it needs to read the keys of one: ${offered.map((each) => `{"service": "${service}", "operation": "${each}"}`).join(' or ')}`;
      return [{ file, line, message, hint }];
    });
}
