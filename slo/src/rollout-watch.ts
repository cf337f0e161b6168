import { setTimeout as sleep } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import type pg from 'pg';
import { StoreUnavailable } from './evaluator.js';
import { migrate } from './migrate.js';
import {
  type BurningObjective,
  readNewAlerts,
  writeRolloutHealth,
} from './rollout-health-store.js';
import { readWatchedWave, type WatchedWave } from './running-rollout.js';
import { attemptsOf, type CountedTraffic, type TrafficRise, trafficRises } from './traffic-rise.js';
import { recordsUntilMs, waveTraffic } from './wave-traffic.js';

const LOOK_EVERY_MS = 1_000;
/** So many requests were to be expected, and none came: nobody sees the traffic. */
const SILENCE_MIN = 20;

/**
 * Judges the traffic of the wave that a rollout watches, and writes down what it finds: the control
 * plane does not read telemetry. The time before the rollout is counted once for each wave.
 */
export class RolloutWatch {
  #before: { readonly key: string; readonly traffic: CountedTraffic } | undefined;
  #migrated = false;

  constructor(
    private readonly database: pg.Pool,
    private readonly clickhouse: ClickHouseClient,
    /** Told why it cannot look, once for each reason. */
    private readonly failed: (reason: string) => void,
  ) {}

  /** Looks every second until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    let last = '';
    while (!signal.aborted) {
      try {
        await this.look(Date.now());
        last = '';
      } catch (error) {
        const { message } = new StoreUnavailable('PostgreSQL', error);
        if (message !== last) this.failed(message);
        last = message;
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Judges once, when a wave is watched. @throws the error of PostgreSQL */
  async look(nowMs: number): Promise<void> {
    const wave = await readWatchedWave(this.database);
    if (wave === undefined) {
      this.#before = undefined;
      return;
    }
    if (!this.#migrated) await migrate(this.database);
    this.#migrated = true;
    const [traffic, burning] = await Promise.all([
      this.#judge(wave, nowMs).catch((error: unknown) => ({
        seenUntilMs: wave.watchedSinceMs,
        rises: [] as TrafficRise[],
        problem: new StoreUnavailable('ClickHouse', error).message,
      })),
      readNewAlerts(this.database, wave.services, wave.startedAtMs),
    ]);
    const { seenUntilMs, rises, problem } = traffic;
    const findings: (TrafficRise | BurningObjective)[] = [...burning, ...rises];
    await writeRolloutHealth(this.database, wave, { seenUntilMs, findings, problem });
  }

  async #judge(
    wave: WatchedWave,
    nowMs: number,
  ): Promise<{
    readonly seenUntilMs: number;
    readonly rises: TrafficRise[];
    readonly problem: string | null;
  }> {
    const { instances, watchedSinceMs, policy } = wave;
    const [before, edges, seenUntilMs] = await Promise.all([
      this.#trafficBefore(wave),
      waveTraffic(this.clickhouse, instances, { fromMs: watchedSinceMs, toMs: nowMs }),
      recordsUntilMs(this.clickhouse, nowMs),
    ]);
    const now = { edges, seconds: Math.max(1, (nowMs - watchedSinceMs) / 1000) };
    const seenSeconds = Math.max(0, (seenUntilMs - watchedSinceMs) / 1000);
    const expected = (attemptsOf(before) / before.seconds) * seenSeconds;
    const isSilent = expected >= SILENCE_MIN && attemptsOf(now) === 0;
    return {
      seenUntilMs,
      rises: trafficRises(before, now, policy),
      problem: isSilent
        ? `no records of the wave's sidecars arrive, where about ${Math.round(expected)} were to be expected`
        : null,
    };
  }

  async #trafficBefore(wave: WatchedWave): Promise<CountedTraffic> {
    const { rolloutId, step, watchedSinceMs, startedAtMs, instances, policy } = wave;
    const key = `${rolloutId} ${step} ${watchedSinceMs}`;
    if (this.#before?.key !== key) {
      const range = { fromMs: startedAtMs - policy.baselineMs, toMs: startedAtMs };
      const edges = await waveTraffic(this.clickhouse, instances, range);
      this.#before = { key, traffic: { edges, seconds: policy.baselineMs / 1000 } };
    }
    return this.#before.traffic;
  }
}
