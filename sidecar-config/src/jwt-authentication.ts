import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { TokenIssuer } from '@dotline/model/request-policy';
import { anyOf } from 'envoy-control-plane-ts';
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import {
  JwtAuthenticationSchema,
  type JwtProviderSchema,
  PerRouteConfigSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb';
import type { HttpFilterSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { awaitedAdsSource } from './ads-source.js';
import type { MeshIndex } from './mesh-index.js';
import { JWT_AUTHENTICATION } from './names.js';
import type { Shadow } from './shadow.js';
import { remoteKeys } from './token-keys.js';
import { typedConfig } from './typed-config.js';

/** Where Envoy puts a verified token's claims, and under which key. */
export const JWT_METADATA = 'envoy.filters.http.jwt_authn';
const CLAIMS = 'claims';
/** Why a token is not believed, of a request that passes all the same. */
const FAILED = 'failed';

/** The requirements that routes name. A request that is only judged passes whatever its token is. */
const REQUIREMENTS = { enforced: 'end-user', judged: 'end-user-judged' } as const;

const CLOCK_SKEW_S = 30;
const TOKENS_CACHED = 1_000;

/** Resting, by name from the control plane: a new issuer touches no connection. */
export const jwtAuthenticationFilter: MessageInitShape<typeof HttpFilterSchema> = {
  name: JWT_AUTHENTICATION,
  disabled: true,
  configType: {
    case: 'configDiscovery',
    value: {
      configSource: awaitedAdsSource,
      applyDefaultConfigWithoutWarming: false,
      typeUrls: [`type.googleapis.com/${JwtAuthenticationSchema.typeName}`],
    },
  },
};

/**
 * Whose tokens a service believes. A token of anybody else, an expired or a forged one is refused; without a
 * token the request goes on, and a policy sees that nobody is signed in.
 */
export function jwtAuthentication(
  index: MeshIndex,
  service: string,
  shadow?: Shadow,
): TypedExtensionConfig {
  const isJudged = shadow?.judgesRequestsOf(service) === true;
  const issuers = isJudged ? index.verifiableIssuers(service) : index.believedIssuers(service);
  const providers = Object.fromEntries(
    issuers.map((issuer) => {
      const said = isJudged ? { failedStatusInMetadata: FAILED } : {};
      return [issuer.issuer, { ...provider(index, service, issuer), ...said }];
    }),
  );
  const either = (otherwise: 'allowMissing' | 'allowMissingOrFailed') => {
    const requirements = [
      ...issuers.map(({ issuer }) => ({
        requiresType: { case: 'providerName', value: issuer } as const,
      })),
      { requiresType: { case: otherwise, value: {} } as const },
    ];
    return { requiresType: { case: 'requiresAny', value: { requirements } } as const };
  };
  const requirementMap = {
    [REQUIREMENTS.enforced]: either('allowMissing'),
    ...(isJudged ? { [REQUIREMENTS.judged]: either('allowMissingOrFailed') } : {}),
  };
  return create(TypedExtensionConfigSchema, {
    name: JWT_AUTHENTICATION,
    typedConfig: anyOf(
      JwtAuthenticationSchema,
      create(
        JwtAuthenticationSchema,
        issuers.length === 0 ? {} : { providers, requirementMap, statPrefix: 'end-user' },
      ),
    ),
  });
}

/** Wakes the filter on a route. */
export function jwtAuthenticationOfRoute(as: keyof typeof REQUIREMENTS): Record<string, Any> {
  return {
    [JWT_AUTHENTICATION]: typedConfig(PerRouteConfigSchema, {
      requirementSpecifier: { case: 'requirementName', value: REQUIREMENTS[as] },
    }).value,
  };
}

function provider(
  index: MeshIndex,
  service: string,
  { issuer, audiences, keys }: TokenIssuer,
): MessageInitShape<typeof JwtProviderSchema> {
  return {
    issuer,
    audiences: [...audiences],
    requireExpiration: true,
    clockSkewSeconds: CLOCK_SKEW_S,
    // In no query: URLs are written down in many places.
    fromHeaders: [{ name: 'Authorization', valuePrefix: 'Bearer ' }],
    // The app may want to see it too.
    forward: true,
    payloadInMetadata: CLAIMS,
    // A token once verified is believed until it ends, also when its key is taken back: not where keys change.
    ...(keys.kind === 'text' ? { jwtCacheConfig: { jwtCacheSize: TOKENS_CACHED } } : {}),
    jwksSourceSpecifier:
      keys.kind === 'text'
        ? {
            case: 'localJwks',
            value: { specifier: { case: 'inlineString', value: keys.jwks } },
          }
        : { case: 'remoteJwks', value: remoteKeys(index, service, keys) },
  };
}
