import type { ClickHouseClient } from '@clickhouse/client';
import {
  type Denial,
  type EdgeTraffic,
  liveTraffic,
  recentDenials,
} from '@dotline/collectors/traffic-queries';
import { type LatencyRow, liveLatencies } from './latency-query.js';

/** Figures are of this long a time up to now. */
export const LIVE_WINDOW_SECONDS = 10;
/** Denials are shown for this long after the last. */
const DENIALS_SHOWN_MS = 60_000;
const DENIALS_MAX = 200;

/** What ClickHouse knows of the last seconds. */
export interface LiveTraffic {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly operations: readonly EdgeTraffic[];
  readonly latencies: readonly LatencyRow[];
  readonly denials: readonly Denial[];
}

/** Before the first reading. */
export const NO_LIVE_TRAFFIC: LiveTraffic = {
  atMs: 0,
  operations: [],
  latencies: [],
  denials: [],
};

/** @throws ClickHouseError, or the connection's error */
export async function readLiveTraffic(
  client: ClickHouseClient,
  nowMs: number,
): Promise<LiveTraffic> {
  const window = { seconds: LIVE_WINDOW_SECONDS };
  const [operations, latencies, denials] = await Promise.all([
    liveTraffic(client, window),
    liveLatencies(client, window),
    recentDenials(client, DENIALS_MAX, nowMs - DENIALS_SHOWN_MS),
  ]);
  return { atMs: nowMs, operations, latencies, denials };
}
