import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Operation } from '@dotline/model/mesh';
import { pathTemplateRegex } from '@dotline/model/path-template';
import type { PermissionSchema } from 'envoy-control-plane-ts/gen/envoy/config/rbac/v3/rbac_pb';
import type {
  HeaderMatcherSchema,
  RouteMatchSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';

type Permission = MessageInitShape<typeof PermissionSchema>;

/**
 * An operation as Envoy sees it: method and whole path without query. Routes and RBAC are made from
 * the same template, so that what the caller's sidecar lets out is what the callee's lets in.
 */
export function operationRouteMatch(
  operation: Pick<Operation, 'method' | 'path'>,
): MessageInitShape<typeof RouteMatchSchema> {
  return {
    pathSpecifier: hasParameter(operation)
      ? { case: 'safeRegex', value: { regex: pathTemplateRegex(operation.path) } }
      : { case: 'path', value: operation.path },
    headers: [methodHeader(operation)],
  };
}

/** The same as a permission of RBAC, without the paths of `withheld`. */
export function operationPermission(
  operation: Operation,
  withheld: readonly Operation[],
): Permission {
  return {
    rule: {
      case: 'andRules',
      value: {
        rules: [
          { rule: { case: 'header', value: methodHeader(operation) } },
          pathPermission(operation),
          ...withheld.map(
            (other): Permission => ({ rule: { case: 'notRule', value: pathPermission(other) } }),
          ),
        ],
      },
    },
  };
}

function pathPermission(operation: Operation): Permission {
  return {
    rule: {
      case: 'urlPath',
      value: { rule: { case: 'path', value: { matchPattern: pathPattern(operation) } } },
    },
  };
}

function pathPattern(operation: Operation) {
  return hasParameter(operation)
    ? ({ case: 'safeRegex', value: { regex: pathTemplateRegex(operation.path) } } as const)
    : ({ case: 'exact', value: operation.path } as const);
}

function methodHeader(
  operation: Pick<Operation, 'method'>,
): MessageInitShape<typeof HeaderMatcherSchema> {
  return {
    name: ':method',
    headerMatchSpecifier: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'exact', value: operation.method } },
    },
  };
}

function hasParameter(operation: Pick<Operation, 'path'>): boolean {
  return operation.path.includes('{');
}
