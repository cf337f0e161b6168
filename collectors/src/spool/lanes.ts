import { join } from 'node:path';
import { SegmentStore } from './segment-store.js';
import {
  DEFAULT_BOUNDS,
  type InsertOnce,
  Spool,
  type SpoolBounds,
  type SpoolEvents,
  type Submission,
} from './spool.js';

/** How long requests are gathered, and how long their senders wait for ClickHouse. */
export interface LanePaces {
  /** Of requests with access-log records, which the live view shows. */
  readonly gatherMs: number;
  /** Of all others: spans, metrics and logs, which nobody waits for. */
  readonly detailsGatherMs: number;
  /** From a request's arrival; details are given so long after their gathering. */
  readonly waitMs: number;
}

/** Under load details are not held back: exporters wait for one answer before they send on. */
const DETAILS_BYTES_MAX = 256 * 1024;
const DETAILS_DIRECTORY = 'details';

/**
 * Two spools: an insert costs ClickHouse about the same whatever its size, so what may wait is gathered
 * for longer than what is looked at. A repeated request has the same rows and so the same lane.
 */
export class SpoolLanes {
  private constructor(
    private readonly traffic: Spool,
    private readonly details: Spool,
  ) {}

  /** Opens both on what an earlier process left in the directory. */
  static async open(
    directory: string,
    insert: InsertOnce,
    events: SpoolEvents,
    { gatherMs, detailsGatherMs, waitMs }: LanePaces,
  ): Promise<SpoolLanes> {
    const open = async (folder: string, bounds: Partial<SpoolBounds>) =>
      Spool.open(await SegmentStore.open(folder), insert, events, { ...DEFAULT_BOUNDS, ...bounds });
    return new SpoolLanes(
      await open(directory, { gatherMs, waitMs }),
      await open(join(directory, DETAILS_DIRECTORY), {
        gatherMs: detailsGatherMs,
        gatherBytesMax: DETAILS_BYTES_MAX,
        waitMs: detailsGatherMs + waitMs,
      }),
    );
  }

  /** Requests and bytes that are not in ClickHouse yet. */
  get load(): { readonly requests: number; readonly bytes: number } {
    const { traffic, details } = this;
    return {
      requests: traffic.load.requests + details.load.requests,
      bytes: traffic.load.bytes + details.load.bytes,
    };
  }

  /** As `Spool.submit`. @throws NotTaken, NotStoredYet, RefusedRows */
  submit(submission: Submission): Promise<{ readonly repeated: boolean }> {
    const isTraffic = submission.tables.some(({ table }) => table === 'access_log');
    return (isTraffic ? this.traffic : this.details).submit(submission);
  }

  /** As `Spool.close`, of both at once. */
  async close(): Promise<void> {
    await Promise.all([this.traffic.close(), this.details.close()]);
  }
}
