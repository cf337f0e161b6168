import type { ClickHouseClient } from '@clickhouse/client';
import type { Objective } from '@dotline/model/mesh';
import {
  alertWindowsSeconds,
  objectiveWindowSeconds,
  type WindowCounts,
} from './objective-evaluation.js';

/** Windows up to this length are counted by the minute, longer ones by the hour. */
const MINUTELY_SECONDS_MAX = 6 * 3600;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const TIMEOUT_SECONDS = 8;

interface Window {
  readonly seconds: number;
  /** Full minute or hour at which it begins, so that it is up to one of them longer than its name. */
  readonly startSecond: number;
  readonly minutely: boolean;
}

/**
 * Counts the events of all objectives over all their windows, in one query. A request is counted where
 * the caller's sidecar reported it, because only there those are seen too that never reached the callee;
 * refused ones are not counted at all. Availability: good is an answer with a status below 500. Latency:
 * good is an answer within the threshold.
 * @param sinceMs from when on the rollup is complete, see `ensureIndicatorRollup`
 * @returns the windows' counts by the objective's name
 * @throws ClickHouseError, or a network error when ClickHouse does not answer
 */
export async function countEvents(
  client: ClickHouseClient,
  objectives: readonly Objective[],
  at: { readonly nowMs: number; readonly sinceMs: number },
): Promise<ReadonlyMap<string, WindowCounts>> {
  if (objectives.length === 0) return new Map();
  const windows = windowsOf(objectives, at.nowMs);
  const result = await client.query({
    query: eventsQuery(objectives, windows, at.sinceMs / 1000),
    format: 'JSONEachRow',
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      max_execution_time: TIMEOUT_SECONDS,
    },
  });
  const rows = await result.json<{ position: number; good: number[]; total: number[] }>();
  const byPosition = new Map(rows.map((row) => [row.position, row]));
  return new Map(
    objectives.map((objective, position) => {
      const row = byPosition.get(position);
      const counts = windows.map(({ seconds }, index) => {
        const total = row?.total[index] ?? 0;
        return [seconds, { good: row?.good[index] ?? 0, total }] as const;
      });
      return [objective.name, new Map(counts)];
    }),
  );
}

function windowsOf(objectives: readonly Objective[], nowMs: number): readonly Window[] {
  const lengths = objectives.flatMap((objective) => [
    ...alertWindowsSeconds(objective),
    objectiveWindowSeconds(objective),
  ]);
  return [...new Set(lengths)].map((seconds) => {
    const minutely = seconds <= MINUTELY_SECONDS_MAX;
    const grainMs = minutely ? MINUTE_MS : HOUR_MS;
    const startMs = Math.floor((nowMs - seconds * 1000) / grainMs) * grainMs;
    return { seconds, startSecond: startMs / 1000, minutely };
  });
}

/** First sums by callee and duration over all windows, then what each objective makes of them. */
function eventsQuery(
  objectives: readonly Objective[],
  windows: readonly Window[],
  sinceSecond: number,
): string {
  const sums = (column: string) =>
    windows
      .map(({ startSecond, minutely }) => {
        const other = minutely ? 'hourly' : 'minutely';
        return `sumIf(${column}, source != '${other}' AND time >= fromUnixTimestamp(${startSecond}))`;
      })
      .join(', ');
  // Threshold 0 stands for availability.
  const asked = objectives
    .map(({ service, indicator }, position) => {
      const thresholdMs = indicator.kind === 'latency' ? indicator.thresholdMs : 0;
      return `(${position}, ${literal(service)}, ${thresholdMs})`;
    })
    .join(', ');
  return `
    WITH counted AS (
      SELECT callee, duration_ms, [${sums('requests')}] AS requests, [${sums('failed')}] AS failed
      FROM (${sourcesQuery(objectives, windows, sinceSecond)})
      GROUP BY callee, duration_ms
    )
    SELECT position, sumForEach(requests) AS total, sumForEach(multiIf(
      threshold_ms = 0, arrayMap((r, f) -> toUInt64(r - f), requests, failed),
      duration_ms <= threshold_ms, requests,
      arrayMap(r -> toUInt64(0), requests))) AS good
    FROM values('position UInt32, service String, threshold_ms UInt32', ${asked}) AS asked
    INNER JOIN counted ON counted.callee = asked.service
    GROUP BY position`;
}

/** Rollups from the moment on at which they are complete, raw records before. */
function sourcesQuery(
  objectives: readonly Objective[],
  windows: readonly Window[],
  sinceSecond: number,
): string {
  const services = [...new Set(objectives.map(({ service }) => literal(service)))].join(', ');
  const startOf = (wanted: (window: Window) => boolean) =>
    Math.min(...windows.filter(wanted).map(({ startSecond }) => startSecond));
  const rollup = (source: 'minutely' | 'hourly', startSecond: number) => `
    SELECT '${source}' AS source, callee, time, duration_ms, requests, failed
    FROM dotline.slo_${source}
    WHERE callee IN (${services}) AND time >= fromUnixTimestamp(${Math.max(startSecond, sinceSecond)})`;
  const raw = (startSecond: number) => `
    SELECT 'raw' AS source, callee, toDateTime(time, 'UTC') AS time,
      toUInt32(intDiv(duration_us + 999, 1000)) AS duration_ms,
      toUInt64(1) AS requests, toUInt64(status >= 500 OR status = 0) AS failed
    FROM dotline.access_log
    WHERE callee IN (${services}) AND reporter = 'source' AND authorization = 'allowed'
      AND access_log.time >= fromUnixTimestamp(${startSecond})
      AND access_log.time < fromUnixTimestamp(${sinceSecond})`;
  const oldest = startOf(() => true);
  return [
    rollup(
      'minutely',
      startOf(({ minutely }) => minutely),
    ),
    rollup(
      'hourly',
      startOf(({ minutely }) => !minutely),
    ),
    ...(oldest < sinceSecond ? [raw(oldest)] : []),
  ].join('\nUNION ALL\n');
}

function literal(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
