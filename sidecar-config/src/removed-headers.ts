/**
 * Request headers that end at a sidecar. Envoy itself takes away those of its own that a peer could
 * steer it with, and sets `x-forwarded-client-cert` anew; this one it adds.
 */
export const REMOVED_HEADERS = ['x-envoy-external-address'];
