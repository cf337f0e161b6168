import type { ClickHouseClient } from '@clickhouse/client';

/** Latencies in milliseconds. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Of what an edge carried, or with an empty caller of all that a service received. */
export interface LatencyRow extends Latencies {
  readonly caller: string;
  readonly callee: string;
}

/**
 * Latencies of the last seconds by edge and by receiving service, as the callers' sidecars measured
 * them. Quantiles cannot be put together from those of operations, hence a query of their own.
 * @throws ClickHouseError, or the connection's error
 */
export async function liveLatencies(
  client: ClickHouseClient,
  { seconds }: { readonly seconds: number },
): Promise<LatencyRow[]> {
  const result = await client.query({
    query: `
      SELECT caller, callee, quantilesDD(0.01, 0.5, 0.95, 0.99)(duration_us) AS q,
        q[1] / 1000 AS p50Ms, q[2] / 1000 AS p95Ms, q[3] / 1000 AS p99Ms
      FROM dotline.access_log
      WHERE time >= now64(6) - toIntervalSecond({seconds:UInt32})
        AND reporter = 'source' AND authorization = 'allowed'
      GROUP BY GROUPING SETS ((caller, callee), (callee))`,
    query_params: { seconds },
    format: 'JSONEachRow',
  });
  return result.json<LatencyRow>();
}
