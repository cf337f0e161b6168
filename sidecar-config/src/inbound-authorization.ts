import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Edge } from '@dotline/model/edge';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { canonicalBinary } from 'envoy-control-plane-ts';
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import {
  type PolicySchema,
  RBAC_Action,
} from 'envoy-control-plane-ts/gen/envoy/config/rbac/v3/rbac_pb';
import { RBACSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
import type { EncodedPieces } from './encoded-pieces.js';
import type { MeshIndex } from './mesh-index.js';
import { INBOUND_AUTHORIZATION, policyName } from './names.js';
import { operationPermission } from './operation-match.js';

/**
 * Who may call a service: one RBAC policy for each edge, named by the edge's id and the revision in
 * which the edge took its form, which the access log repeats. Allowing with no policy at all refuses
 * everyone.
 */
export function inboundAuthorization(
  index: MeshIndex,
  callee: string,
  pieces: EncodedPieces,
): TypedExtensionConfig {
  const value = Buffer.concat([
    pieces.piece(['authorization'], () =>
      encoded({ rules: { action: RBAC_Action.ALLOW }, trackPerRuleStats: true }),
    ),
    ...index.inboundEdges(callee).map((edge) =>
      pieces.piece(['authorization edge', index.catalogKey, ...index.formOf(edge)], () => {
        const name = policyName(edge, index.edgeRevision(edge));
        return encoded({ rules: { policies: { [name]: edgePolicy(index, edge) } } });
      }),
    ),
  ]);
  const typeUrl = `type.googleapis.com/${RBACSchema.typeName}`;
  return create(TypedExtensionConfigSchema, {
    name: INBOUND_AUTHORIZATION,
    typedConfig: { typeUrl, value },
  });
}

function encoded(part: MessageInitShape<typeof RBACSchema>): Uint8Array {
  return canonicalBinary(RBACSchema, create(RBACSchema, part));
}

function edgePolicy(index: MeshIndex, edge: Edge): MessageInitShape<typeof PolicySchema> {
  return {
    permissions: [
      {
        rule: {
          case: 'orRules',
          value: {
            rules: index
              .operationsOf(edge)
              .map((operation) =>
                operationPermission(operation, index.withheldFrom(edge, operation)),
              ),
          },
        },
      },
    ],
    principals: [
      {
        identifier: {
          case: 'authenticated',
          value: {
            principalName: {
              matchPattern: {
                case: 'exact',
                value: serviceSpiffeId(index.revision.mesh.trustDomain, edge.caller),
              },
            },
          },
        },
      },
    ],
  };
}
