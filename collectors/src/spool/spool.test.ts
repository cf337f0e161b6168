import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RefusedRows } from '../clickhouse/table-writer.js';
import type { TableName, TableRows } from '../otlp/table-rows.js';
import { SegmentStore } from './segment-store.js';
import { DEFAULT_BOUNDS, type InsertOnce, Spool, type SpoolBounds } from './spool.js';
import { NotStoredYet, NotTaken } from './spool-error.js';

interface Inserted extends TableRows {
  readonly token: string;
}

describe('a spool', () => {
  let directory = '';
  let inserted: Inserted[] = [];
  const insert: InsertOnce = async (rows, token) => {
    inserted.push({ ...rows, token });
  };
  const events = {
    stored: jest.fn(),
    retried: jest.fn(),
    refused: jest.fn(),
    damaged: jest.fn(),
  };

  const open = async (into: InsertOnce = insert, bounds: Partial<SpoolBounds> = {}) =>
    Spool.open(await SegmentStore.open(directory), into, events, {
      ...DEFAULT_BOUNDS,
      gatherMs: 5,
      waitMs: 300,
      ...bounds,
    });
  const submission = (
    token: string,
    text = `${token}\n`,
    table: TableName = 'logs',
    peer = 'a',
  ) => ({
    token,
    peer,
    tables: [{ table, rows: 1, text }],
  });
  const files = async () => (await readdir(directory)).map((name) => name.replace(/^[^.]*/, ''));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-'));
    inserted = [];
    jest.clearAllMocks();
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('makes one insert per table of what comes within its gathering time', async () => {
    const spool = await open();
    const outcomes = await Promise.all([
      spool.submit(submission('1')),
      spool.submit(submission('2')),
      spool.submit(submission('3', 'span\n', 'spans')),
      spool.submit(submission('1')),
    ]);
    expect(outcomes.map(({ repeated }) => repeated)).toEqual([false, false, false, true]);
    expect(inserted.map(({ table, rows, text }) => ({ table, rows, text }))).toEqual([
      { table: 'logs', rows: 2, text: '1\n2\n' },
      { table: 'spans', rows: 1, text: 'span\n' },
    ]);
    expect(new Set(inserted.map(({ token }) => token)).size).toBe(1);
    expect(await files()).toEqual(['.stored']);
    expect(spool.load).toEqual({ requests: 0, bytes: 0 });
    await spool.close();
  });

  it('repeats an insert with the same rows and token until it succeeds', async () => {
    let failures = 2;
    const spool = await open(
      async (rows, token) => {
        await insert(rows, token);
        if (failures-- > 0) throw new Error('no connection');
      },
      { waitMs: 2_000 },
    );
    await spool.submit(submission('1'));
    expect(inserted).toEqual([inserted[0], inserted[0], inserted[0]]);
    expect(events.retried).toHaveBeenCalledTimes(2);
    await spool.close();
  });

  it('tells the sender to come back while ClickHouse is away, and goes on after a restart', async () => {
    const away = await open(() => new Promise(() => {}));
    await expect(away.submit(submission('1'))).rejects.toThrow(NotStoredYet);
    expect(await files()).toEqual(['.segment']);

    const successor = await open();
    expect(await successor.submit(submission('1'))).toEqual({ repeated: true });
    expect(inserted.map(({ text }) => text)).toEqual(['1\n']);

    const third = await open();
    expect(await third.submit(submission('1'))).toEqual({ repeated: true });
    expect(inserted.length).toBe(1);
  });

  it('turns away what is beyond its bounds, a greedy sender first', async () => {
    const bounds = { pendingBytesMax: 100, peerShare: 0.5, pendingRequestsMax: 4 };
    const spool = await open(() => new Promise(() => {}), bounds);
    const forty = 'x'.repeat(40);
    const outcome = (token: string, peer: string, text = forty) =>
      spool
        .submit(submission(token, text, 'logs', peer))
        .catch((error: unknown) =>
          error instanceof NotTaken ? error.reason : (error as Error).name,
        );
    const outcomes = await Promise.all([
      outcome('1', 'a'),
      outcome('2', 'a'),
      outcome('3', 'b'),
      outcome('4', 'c'),
      outcome('5', 'c', '.'),
      outcome('6', 'c', '.'),
      outcome('7', 'c', '.'),
    ]);
    expect(outcomes).toEqual([
      'NotStoredYet',
      'peer_share',
      'NotStoredYet',
      'queue_full',
      'NotStoredYet',
      'NotStoredYet',
      'queue_full',
    ]);
  });

  it('sets aside rows that ClickHouse cannot read, without holding up the other tables', async () => {
    const spool = await open(async (rows, token) => {
      if (rows.table === 'logs') throw new RefusedRows('cannot parse');
      await insert(rows, token);
    });
    const [logs, spans] = await Promise.allSettled([
      spool.submit(submission('1')),
      spool.submit(submission('2', 'span\n', 'spans')),
    ]);
    expect([logs?.status, spans?.status]).toEqual(['rejected', 'rejected']);
    expect(inserted.map(({ table }) => table)).toEqual(['spans']);
    expect(events.refused).toHaveBeenCalledTimes(1);
    expect(await files()).toEqual(['.refused']);
    await spool.close();
  });

  it('closes a segment early when it is large', async () => {
    const spool = await open(insert, { gatherMs: 60_000, gatherBytesMax: 4, segmentBytesMax: 4 });
    await Promise.all(['1', '2', '3', '4'].map((token) => spool.submit(submission(token))));
    expect(inserted.map(({ text }) => text)).toEqual(['1\n2\n', '3\n4\n']);
    await spool.close();
  });

  it('stores what is gathered when it closes, and takes nothing more', async () => {
    const spool = await open(insert, { gatherMs: 60_000 });
    const submitted = spool.submit(submission('1'));
    await spool.close();
    await submitted;
    expect(inserted.length).toBe(1);
    await expect(spool.submit(submission('2'))).rejects.toThrow(NotTaken);
  });

  it('drops half-written files and sets damaged ones aside', async () => {
    await writeFile(join(directory, '1.tmp'), 'half');
    await writeFile(join(directory, '2.segment'), '{"requests":["a"],"tables":[{"table":"logs"');
    await writeFile(
      join(directory, '3.segment'),
      '{"requests":["a"],"tables":[{"table":"logs","rows":1,"bytes":9}]}\nshort',
    );
    const spool = await open();
    expect(events.damaged.mock.calls.flat()).toEqual(['2.segment', '3.segment']);
    expect((await files()).sort()).toEqual(['.segment.damaged', '.segment.damaged']);
    await spool.close();
  });
});
