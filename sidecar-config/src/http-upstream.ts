import type { Any } from '@bufbuild/protobuf/wkt';
import { HttpProtocolOptionsSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb';
import { milliseconds } from './duration.js';
import { typedConfig } from './typed-config.js';

const PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** HTTP/2 with pings, so that a peer that died without a word is noticed within 15 s. */
export const http2Upstream: Record<string, Any> = {
  [PROTOCOL_OPTIONS]: typedConfig(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: {
        protocolConfig: {
          case: 'http2ProtocolOptions',
          value: {
            connectionKeepalive: { interval: milliseconds(10_000), timeout: milliseconds(5000) },
          },
        },
      },
    },
  }).value,
};

/** HTTP/2 or HTTP/1.1, whichever the other side chooses in the TLS handshake. */
export const negotiatedUpstream: Record<string, Any> = {
  [PROTOCOL_OPTIONS]: typedConfig(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'autoConfig',
      value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
    },
  }).value,
};

/**
 * HTTP/1.1 whose idle connections end before the other side's do, because a request sent into a closing
 * connection fails.
 */
export function http1Upstream(idleTimeoutMs: number): Record<string, Any> {
  return {
    [PROTOCOL_OPTIONS]: typedConfig(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: { idleTimeout: milliseconds(idleTimeoutMs) },
      upstreamProtocolOptions: {
        case: 'explicitHttpConfig',
        value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
      },
    }).value,
  };
}
