import type { PeerError } from '../peer/peer.js';

/** Told about each request whose certificate may not send telemetry. */
export type RefusedPeer = (error: PeerError) => void;
