import type { MessageInitShape } from '@bufbuild/protobuf';
import { egressHostName } from '@dotline/model/egress';
import type { Operation } from '@dotline/model/mesh';
import { hasAnyRest, pathTemplateRegex } from '@dotline/model/path-template';
import type { PermissionSchema } from 'envoy-control-plane-ts/gen/envoy/config/rbac/v3/rbac_pb';
import type {
  HeaderMatcherSchema,
  RouteMatchSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';

/** What tells requests of one operation from those of another. */
export type RequestForm = Pick<Operation, 'method' | 'path' | 'host'>;

type Permission = MessageInitShape<typeof PermissionSchema>;

/**
 * An operation as Envoy sees it: method and whole path without query. Routes and RBAC are made from
 * the same template, so that what the caller's sidecar lets out is what the callee's lets in.
 */
export function operationRouteMatch(
  operation: RequestForm,
): MessageInitShape<typeof RouteMatchSchema> {
  return {
    pathSpecifier: isPattern(operation)
      ? { case: 'safeRegex', value: { regex: pathTemplateRegex(operation.path) } }
      : { case: 'path', value: operation.path },
    headers: [methodHeader(operation), ...hostHeader(operation)],
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
          ...[methodHeader(operation), ...hostHeader(operation)].map(
            (value): Permission => ({ rule: { case: 'header', value } }),
          ),
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
  return isPattern(operation)
    ? ({ case: 'safeRegex', value: { regex: pathTemplateRegex(operation.path) } } as const)
    : ({ case: 'exact', value: operation.path } as const);
}

function methodHeader(
  operation: Pick<RequestForm, 'method'>,
): MessageInitShape<typeof HeaderMatcherSchema> {
  return {
    name: ':method',
    headerMatchSpecifier: {
      case: 'stringMatch',
      value: { matchPattern: { case: 'exact', value: operation.method } },
    },
  };
}

/** Whom outside an operation of an egress service asks; listeners have taken the port away. */
function hostHeader({
  host,
}: Pick<RequestForm, 'host'>): MessageInitShape<typeof HeaderMatcherSchema>[] {
  if (host === undefined) return [];
  const matchPattern = { case: 'exact', value: egressHostName(host) } as const;
  return [
    {
      name: ':authority',
      headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern, ignoreCase: true } },
    },
  ];
}

function isPattern({ path }: Pick<RequestForm, 'path'>): boolean {
  return path.includes('{') || hasAnyRest(path);
}
