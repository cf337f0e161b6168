import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of a collector; `/metrics` shows them. */
export class CollectorMetrics {
  readonly registry = new Registry();

  readonly requests = new Counter({
    name: 'dotline_collector_requests_total',
    help: 'Requests answered, by signal and outcome (stored, malformed, later)',
    labelNames: ['signal', 'outcome'],
    registers: [this.registry],
  });
  readonly repeatedRequests = new Counter({
    name: 'dotline_collector_repeated_requests_total',
    help: 'Requests that had been taken before and added nothing',
    labelNames: ['signal'],
    registers: [this.registry],
  });
  readonly receivedRows = new Counter({
    name: 'dotline_collector_received_rows_total',
    help: 'Rows taken from requests, by table',
    labelNames: ['table'],
    registers: [this.registry],
  });
  readonly storedRows = new Counter({
    name: 'dotline_collector_stored_rows_total',
    help: 'Rows that ClickHouse acknowledged, by table',
    labelNames: ['table'],
    registers: [this.registry],
  });
  readonly refusedRows = new Counter({
    name: 'dotline_collector_refused_rows_total',
    help: 'Rows set aside in the spool because ClickHouse cannot read them, by table',
    labelNames: ['table'],
    registers: [this.registry],
  });
  readonly rejectedRecords = new Counter({
    name: 'dotline_collector_rejected_records_total',
    help: 'Records dropped, by what is wrong with them',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly clampedTimes = new Counter({
    name: 'dotline_collector_clamped_times_total',
    help: 'Event times that were too far from their arrival and were corrected',
    registers: [this.registry],
  });
  readonly contradictedClaims = new Counter({
    name: 'dotline_collector_contradicted_claims_total',
    help: "Service names that contradicted the sender's certificate and were replaced",
    registers: [this.registry],
  });
  readonly refusedPeers = new Counter({
    name: 'dotline_collector_refused_peers_total',
    help: 'Requests refused because of the certificate',
    registers: [this.registry],
  });
  readonly notTaken = new Counter({
    name: 'dotline_collector_not_taken_total',
    help: 'Requests turned away, by reason (queue_full, peer_share, disk, stopping)',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly insertRetries = new Counter({
    name: 'dotline_collector_insert_retries_total',
    help: 'Attempts to store a segment that failed and were tried again',
    registers: [this.registry],
  });
  readonly insertSeconds = new Histogram({
    name: 'dotline_collector_insert_seconds',
    help: 'From the first attempt to insert a segment until ClickHouse had it',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    registers: [this.registry],
  });

  constructor(load: () => { readonly requests: number; readonly bytes: number }) {
    // By default the lag of the event loop is looked at a hundred times a second.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 });
    new Gauge({
      name: 'dotline_collector_pending_requests',
      help: 'Requests that ClickHouse does not have yet',
      registers: [this.registry],
      collect() {
        this.set(load().requests);
      },
    });
    new Gauge({
      name: 'dotline_collector_pending_bytes',
      help: 'Bytes of rows that ClickHouse does not have yet',
      registers: [this.registry],
      collect() {
        this.set(load().bytes);
      },
    });
  }
}
