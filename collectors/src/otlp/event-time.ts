const NS_PER_S = 1_000_000_000n;
const LATE_MAX_NS = 24n * 3600n * NS_PER_S;
const FUTURE_MAX_NS = 60n * NS_PER_S;

/** Events whose time had to be corrected, counted by the caller. */
export interface ClampCount {
  clamped: number;
}

/**
 * The time of an event, held between a day before and a minute after its arrival. Clocks lie, and an
 * insert that spreads over many days' partitions is refused by ClickHouse. No time (0) is the arrival.
 */
export function clampedTime(eventNs: bigint, arrivalNs: bigint, count: ClampCount): bigint {
  if (eventNs === 0n) return arrivalNs;
  const earliest = arrivalNs - LATE_MAX_NS;
  const latest = arrivalNs + FUTURE_MAX_NS;
  if (eventNs >= earliest && eventNs <= latest) return eventNs;
  count.clamped += 1;
  return eventNs < earliest ? earliest : latest;
}

/** Seconds since 1970 with that many decimals, as `DateTime64` reads them. */
export function unixSeconds(timeNs: bigint, decimals: 3 | 6 | 9): string {
  const seconds = timeNs / NS_PER_S;
  const fraction = (timeNs % NS_PER_S).toString().padStart(9, '0').slice(0, decimals);
  // ClickHouse takes fewer than ten digits for something else than seconds.
  return `${seconds.toString().padStart(10, '0')}.${fraction}`;
}
