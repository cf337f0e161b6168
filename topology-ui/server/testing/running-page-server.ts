import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate as migrateTelemetry } from '@dotline/collectors/schema/migrate';
import { migrate as migrateControlPlane } from '@dotline/control-plane/schema';
import type { Sidecar } from '@dotline/control-plane/sidecar-store';
import {
  type RunningStore,
  startClickHouse,
  startPostgresql,
  startValkey,
} from '@dotline/slo/testing/running-stores';
import { Redis } from 'ioredis';
import pg from 'pg';
import pino from 'pino';
import { PageServer } from '../page-server.js';
import { PageServerMetrics } from '../page-server-metrics.js';
import { exampleInstances } from './example-mesh.js';

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

/** An answer of the page server. */
export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly headers: Headers;
}

/** Requests as a sidecar reports them. */
export interface ReportedRequest {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly status?: number;
  readonly authorization?: 'allowed' | 'denied';
  readonly reporter?: 'source' | 'destination';
  readonly durationUs?: number;
  readonly agoMs?: number;
  readonly instance?: string;
}

interface Stores {
  clickhouse: Awaited<ReturnType<typeof startClickHouse>>;
  readonly postgresql: RunningStore;
  readonly valkey: RunningStore;
}

/** The page server with real stores of its own, which have their schemas and nothing else. */
export class RunningPageServer {
  readonly address: string;

  private constructor(
    readonly stores: Stores,
    readonly clickhouse: ClickHouseClient,
    readonly database: pg.Pool,
    readonly valkey: Redis,
    private readonly pageServer: PageServer,
    private readonly server: Server,
    private readonly pageDirectory: string,
  ) {
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<RunningPageServer> {
    const [clickhouseStore, postgresql, valkeyStore] = await Promise.all([
      startClickHouse(),
      startPostgresql(),
      startValkey(),
    ]);
    const clickhouse = createClient({
      url: clickhouseStore.url,
      request_timeout: 5_000,
      log: { level: ClickHouseLogLevel.OFF },
    });
    const database = new pg.Pool({
      connectionString: postgresql.url,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    });
    database.on('error', () => undefined);
    const valkey = new Redis(valkeyStore.url);
    valkey.on('error', () => undefined);
    await Promise.all([migrateTelemetry(clickhouse), migrateControlPlane(database)]);
    const pageDirectory = await mkdtemp(join(tmpdir(), 'dotline-page-'));
    await writeFile(join(pageDirectory, 'index.html'), '<!doctype html><title>Dotline</title>');
    await writeFile(join(pageDirectory, 'main-XD5QSII6.js'), 'export {};');
    const pageServer = new PageServer({
      database,
      clickhouse,
      redisUrl: valkeyStore.url,
      pageDirectory,
      metrics: new PageServerMetrics(),
      log: pino({ level: 'silent' }),
    });
    pageServer.start();
    const server = createServer(pageServer.app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new RunningPageServer(
      { clickhouse: clickhouseStore, postgresql, valkey: valkeyStore },
      clickhouse,
      database,
      valkey,
      pageServer,
      server,
      pageDirectory,
    );
  }

  async stop(): Promise<void> {
    this.server.close();
    await this.pageServer.stop();
    this.server.closeAllConnections();
    this.valkey.disconnect();
    await this.clickhouse.close();
    await this.database.end();
    const { clickhouse, postgresql, valkey } = this.stores;
    await Promise.all([clickhouse.remove(), postgresql.remove(), valkey.remove()]);
    await rm(this.pageDirectory, { recursive: true, force: true });
  }

  async get<Body>(path: string): Promise<Answer<Body>> {
    const response = await fetch(new URL(path, this.address));
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ?? false;
    const body = (json ? JSON.parse(text) : text) as Body;
    return { status: response.status, body, headers: response.headers };
  }

  /** Looks until `look` gives something. @throws Error with the status after 30 s */
  async eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const endMs = Date.now() + 30_000;
    while (Date.now() < endMs) {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(100);
    }
    const { body } = await this.get('/api/status');
    throw new Error(`${what}: not within 30 s; status is ${JSON.stringify(body)}`);
  }

  /** Puts requests into the access log. */
  async record(count: number, request: ReportedRequest): Promise<void> {
    const atMs = Date.now() - (request.agoMs ?? 500);
    const time = new Date(atMs).toISOString().slice(0, -1).replace('T', ' ');
    await this.clickhouse.insert({
      table: 'dotline.access_log',
      format: 'JSONEachRow',
      values: Array.from({ length: count }, (_, index) => ({
        time,
        reporter: request.reporter ?? 'source',
        caller: request.caller,
        callee: request.callee,
        edge: `${request.caller}->${request.callee}`,
        operation: request.operation,
        instance: request.instance ?? '',
        authorization: request.authorization ?? 'allowed',
        method: 'GET',
        path: '/v1/estimate/7',
        status: request.status ?? 200,
        duration_us: request.durationUs ?? 20_000,
        trace_id: TRACE_ID,
        request_id: `${crypto.randomUUID()}-${index}`,
      })),
    });
  }

  /** How often ClickHouse was read for live figures. */
  async readings(): Promise<number> {
    const { body } = await this.get<string>('/metrics');
    const pattern = /readings_total\{store="clickhouse",outcome="success"\} (\d+)/;
    return Number(pattern.exec(body)?.[1] ?? 0);
  }
}

/** What the sidecars say once they hold a revision. */
export function holding(revision: string, connected = true): Sidecar[] {
  return exampleInstances().map(({ id, service }) => ({
    instanceId: id,
    service,
    connected,
    ackedRevision: revision,
    types: [
      {
        typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
        state: 'synced',
        sentVersion: 'v1',
        ackedVersion: 'v1',
        sentAtMs: Date.now() - 1_000,
        ackedAtMs: Date.now() - 900,
        rejections: [],
      },
    ],
    atMs: Date.now(),
  }));
}
