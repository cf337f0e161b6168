import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TableName } from '../otlp/table-rows.js';
import { type LanePaces, SpoolLanes } from './lanes.js';
import type { InsertOnce } from './spool.js';
import { NotStoredYet } from './spool-error.js';

const events = { stored() {}, retried() {}, refused() {}, damaged() {} };

describe('the two lanes', () => {
  let directory = '';
  let inserted: string[] = [];
  const insert: InsertOnce = async ({ table }) => {
    inserted.push(table);
  };
  const open = (paces: Partial<LanePaces>, into: InsertOnce = insert) =>
    SpoolLanes.open(directory, into, events, {
      gatherMs: 5,
      detailsGatherMs: 5,
      waitMs: 5_000,
      ...paces,
    });
  const request = (token: string, ...tables: TableName[]) => ({
    token,
    peer: 'a',
    tables: tables.map((table) => ({ table, rows: 1, text: `${token}\n` })),
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lanes-'));
    inserted = [];
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('access logs do not wait for details, and take with them what came in the same request', async () => {
    const lanes = await open({ detailsGatherMs: 200 });
    const details = lanes.submit(request('spans', 'spans'));
    await lanes.submit(request('log', 'access_log', 'logs'));
    expect(inserted).toEqual(['access_log', 'logs']);
    expect(lanes.load.requests).toBe(1);
    await details;
    expect(inserted).toEqual(['access_log', 'logs', 'spans']);
    expect(lanes.load).toEqual({ requests: 0, bytes: 0 });
  });

  it('details are given the time of their gathering before their senders are told to come back', async () => {
    const lanes = await open({ detailsGatherMs: 1_000, waitMs: 700 });
    expect(await lanes.submit(request('spans', 'spans'))).toEqual({ repeated: false });
  });

  it('what one process did not get into ClickHouse, the next one does, once', async () => {
    const away = () => Promise.reject(new Error('away'));
    const first = await open({ waitMs: 50 }, away);
    const requests = [request('log', 'access_log'), request('spans', 'spans')];
    for (const each of requests) await expect(first.submit(each)).rejects.toThrow(NotStoredYet);
    await first.close();

    const second = await open({});
    for (const each of requests) expect(await second.submit(each)).toEqual({ repeated: true });
    expect(inserted.sort()).toEqual(['access_log', 'spans']);
  });
});
