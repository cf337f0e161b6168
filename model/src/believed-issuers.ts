import type { Edge } from './edge.js';
import type { Mesh } from './mesh.js';
import type { TokenIssuer } from './request-policy.js';

/**
 * Whose tokens a service can verify: of whom it has the keys, or may read them.
 * @param outbound edges on which the service calls others
 */
export function believedIssuers(
  mesh: Pick<Mesh, 'tokenIssuers'>,
  service: string,
  outbound: readonly Pick<Edge, 'operations'>[],
): TokenIssuer[] {
  return (mesh.tokenIssuers ?? []).filter(
    ({ keys }) =>
      keys.kind === 'text' ||
      keys.operation.startsWith(`${service}.`) ||
      outbound.some(({ operations }) =>
        operations.some(({ operation }) => operation === keys.operation),
      ),
  );
}
