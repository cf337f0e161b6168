import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  ApiVersion,
  type ConfigSourceSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/core/v3/config_source_pb';
import { milliseconds } from './duration.js';

type Source = MessageInitShape<typeof ConfigSourceSchema>;

/** From the control plane; given up after Envoy's 15 s, which for endpoints means "none yet". */
export const adsSource: Source = {
  configSourceSpecifier: { case: 'ads', value: {} },
  resourceApiVersion: ApiVersion.V3,
};

/**
 * From the control plane, waited for without end. For what decides about requests: a listener
 * without its routes or its authorization does not listen, instead of answering 404.
 */
export const awaitedAdsSource: Source = { ...adsSource, initialFetchTimeout: milliseconds(0) };
