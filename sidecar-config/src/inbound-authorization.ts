import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Edge } from '@dotline/model/edge';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import {
  type PolicySchema,
  RBAC_Action,
} from 'envoy-control-plane-ts/gen/envoy/config/rbac/v3/rbac_pb';
import { RBACSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
import type { MeshIndex } from './mesh-index.js';
import { INBOUND_AUTHORIZATION } from './names.js';
import { operationPermission } from './operation-match.js';
import { typedConfig } from './typed-config.js';

/**
 * Who may call a service: one RBAC policy for each edge, named by the edge's id, which the access
 * log and the per-rule counters repeat. Allowing with no policy at all refuses everyone.
 */
export function inboundAuthorization(index: MeshIndex, callee: string): TypedExtensionConfig {
  const policies = Object.fromEntries(
    index.inboundEdges(callee).map((edge) => [edge.id, edgePolicy(index, edge)]),
  );
  return create(TypedExtensionConfigSchema, {
    name: INBOUND_AUTHORIZATION,
    typedConfig: typedConfig(RBACSchema, {
      rules: { action: RBAC_Action.ALLOW, policies },
      trackPerRuleStats: true,
    }).value,
  });
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
