import { type AuditEntry, entryHash, GENESIS_HASH } from '@dotline/control-plane/audit-chain';
import { describe, expect, it } from '@jest/globals';
import { parseSince } from './audit-since.js';
import { verifyChain } from './audit-verify.js';

const PAGE = 3;

describe('verifying a chain page by page', () => {
  const chain = chainOf(10);

  it('reads all of it, and no more than there is', async () => {
    const asked: number[] = [];
    const verified = await verifyChain(async (after) => {
      asked.push(after);
      return pageOf(chain, after);
    });
    expect(verified).toEqual({
      entries: 10,
      head: chain[9]?.hash,
      broken: undefined,
      hasNoted: undefined,
    });
    expect(asked).toEqual([0, 3, 6, 9, 10]);
  });

  it('finds a noted head wherever it is, and misses it when the end is cut off', async () => {
    for (const { hash } of chain) {
      expect(await verifyChain(read(chain), hash)).toMatchObject({ hasNoted: true });
    }
    const cut = chain.slice(0, 9);
    expect(await verifyChain(read(cut), chain[9]?.hash)).toMatchObject({
      broken: undefined,
      hasNoted: false,
    });
  });

  it('misses a noted head when all was written anew', async () => {
    const anew = chainOf(12, 'another');
    expect(await verifyChain(read(anew), chain[9]?.hash)).toMatchObject({
      entries: 12,
      broken: undefined,
      hasNoted: false,
    });
  });

  it('stops at the first break, also at the edge of a page', async () => {
    for (const index of [0, 2, 3, 9]) {
      const changed = chain.map((entry, each) =>
        each === index ? { ...entry, action: 'mesh-mended' } : entry,
      );
      expect(await verifyChain(read(changed))).toMatchObject({
        entries: index,
        broken: { sequence: index + 1, kind: 'changed' },
      });
    }
  });

  it('is not led astray by a server that leaves entries out', async () => {
    const without = chain.filter(({ sequence }) => sequence !== 4);
    expect((await verifyChain(read(without))).broken).toEqual({
      sequence: 4,
      kind: 'missing',
      explanation: 'entry 4 is missing: entry 5 comes next',
    });
  });

  it('is good for an empty log', async () => {
    expect(await verifyChain(read([]))).toMatchObject({ entries: 0, head: GENESIS_HASH });
  });
});

describe('a moment of the past', () => {
  const now = Date.parse('2026-11-24T12:00:00Z');
  it.each([
    ['2h', '2026-11-24T10:00:00Z'],
    ['30d', '2026-10-25T12:00:00Z'],
    ['2026-11-01', '2026-11-01T00:00:00Z'],
    ['2026-11-01T08:30:00Z', '2026-11-01T08:30:00Z'],
  ])('%s', (text, at) => {
    expect(parseSince(text, now)).toBe(Date.parse(at));
  });

  it.each(['', '30', 'yesterday', '-2h', '2026-13-01', '99999y'])('%j is none', (text) => {
    expect(parseSince(text, now)).toBeUndefined();
  });
});

function chainOf(length: number, name = 'vm'): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const entry = {
      sequence,
      at: new Date(sequence).toISOString(),
      actor: { kind: 'control-plane' as const, name },
      action: 'revision-enforced',
      subject: { revision: 'r' },
      details: { sequence },
      previousHash: entries.at(-1)?.hash ?? GENESIS_HASH,
    };
    entries.push({ ...entry, hash: entryHash(entry) });
  }
  return entries;
}

function read(entries: readonly AuditEntry[]) {
  return async (after: number) => pageOf(entries, after);
}

function pageOf(entries: readonly AuditEntry[], after: number): AuditEntry[] {
  return entries.filter(({ sequence }) => sequence > after).slice(0, PAGE);
}
