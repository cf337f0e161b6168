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
import { INBOUND_AUTHORIZATION, judgedPolicyName, policyName } from './names.js';
import { operationPermission } from './operation-match.js';
import type { Shadow } from './shadow.js';

/**
 * Who may call a service: one RBAC policy for each edge, named by the edge's id and the revision in
 * which the edge took its form, which the access log repeats. Allowing with no policy at all refuses
 * everyone. Where a staged revision decides otherwise, its rules stand beside as shadow rules, and the
 * names of both say which one it is, so that a record of either outcome names it.
 */
export function inboundAuthorization(
  index: MeshIndex,
  callee: string,
  pieces: EncodedPieces,
  shadow?: Shadow,
): TypedExtensionConfig {
  const staged = shadow?.judgesCallersOf(callee) ? shadow.staged : undefined;
  const stagedId = staged?.revision.id;
  const value = Buffer.concat([
    pieces.piece(['authorization'], () =>
      encoded({ rules: { action: RBAC_Action.ALLOW }, trackPerRuleStats: true }),
    ),
    ...index.inboundEdges(callee).map((edge) => {
      const beside = stagedId === undefined ? [] : ['beside', stagedId];
      const key = ['authorization edge', index.catalogKey, ...index.formOf(edge), ...beside];
      return pieces.piece(key, () => {
        const name = nameOf(index, edge, stagedId);
        return encoded({ rules: { policies: { [name]: edgePolicy(index, edge) } } });
      });
    }),
    ...(staged === undefined ? [] : shadowRules(staged, callee, pieces)),
  ]);
  const typeUrl = `type.googleapis.com/${RBACSchema.typeName}`;
  return create(TypedExtensionConfigSchema, {
    name: INBOUND_AUTHORIZATION,
    typedConfig: { typeUrl, value },
  });
}

/** Like the rules themselves: without any, everyone would be refused. */
function shadowRules(staged: MeshIndex, callee: string, pieces: EncodedPieces): Uint8Array[] {
  return [
    pieces.piece(['shadow authorization'], () =>
      encoded({ shadowRules: { action: RBAC_Action.ALLOW } }),
    ),
    ...staged.inboundEdges(callee).map((edge) => {
      const { id } = staged.revision;
      const key = ['shadow authorization edge', staged.catalogKey, id, ...staged.formOf(edge)];
      return pieces.piece(key, () => {
        const name = nameOf(staged, edge, id);
        return encoded({ shadowRules: { policies: { [name]: edgePolicy(staged, edge) } } });
      });
    }),
  ];
}

function nameOf(index: MeshIndex, edge: Edge, stagedId: string | undefined): string {
  const revision = index.edgeRevision(edge);
  return stagedId === undefined
    ? policyName(edge, revision)
    : judgedPolicyName(edge, revision, stagedId);
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
