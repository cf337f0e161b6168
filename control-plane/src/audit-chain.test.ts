import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, type JsonValue } from './audit-canonical-json.js';
import { type AuditEntry, ChainVerifier, entryHash, GENESIS_HASH } from './audit-chain.js';

fc.configureGlobal({ numRuns: 40 });

const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;

describe('canonical JSON', () => {
  // https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2 and #section-3.2.3
  const table: readonly (readonly [JsonValue, string])[] = [
    [{ b: 1, a: [true, null, 'x'] }, '{"a":[true,null,"x"],"b":1}'],
    [{ '10': 1, '9': 2, a: undefined }, '{"10":1,"9":2}'],
    [[1e21, 1e-7, 4.5, -0, 1e-27], '[1e+21,1e-7,4.5,0,1e-27]'],
    ['€$\u000f\nA\'B"\\', '"€$\\u000f\\nA\'B\\"\\\\"'],
    [{ '\u20ac': 1, '\r': 2, '\ud83d\ude00': 3, '\ufb33': 4 }, '{"\\r":2,"€":1,"😀":3,"\ufb33":4}'],
  ];
  it.each(table)('of %j', (each, text) => {
    expect(canonicalJson(each)).toBe(text);
  });

  it('is one text whatever the order of members, and parses to the value', () => {
    fc.assert(
      fc.property(value, (each) => {
        const text = canonicalJson(each);
        expect(canonicalJson(reversed(each) as JsonValue)).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(each)));
      }),
    );
  });

  it('has no text for what JSON does not have', () => {
    expect(() => canonicalJson({ a: [Number.NaN] })).toThrow(TypeError);
  });
});

describe('a chain of entries', () => {
  const content = fc.record({
    at: fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString()),
    actor: fc.record({
      kind: fc.constantFrom('control-plane' as const, 'committer' as const, 'operator' as const),
      name: fc.string(),
    }),
    action: fc.string(),
    subject: fc.record({ revision: fc.string(), commit: fc.string() }, { requiredKeys: [] }),
    details: fc.dictionary(fc.string(), value, { maxKeys: 3 }),
  });
  const chain = fc.array(content, { minLength: 2, maxLength: 6 }).map((contents) => {
    const entries: AuditEntry[] = [];
    for (const [index, each] of contents.entries()) {
      const previousHash = entries.at(-1)?.hash ?? GENESIS_HASH;
      const entry = { ...each, sequence: index + 1, previousHash };
      entries.push({ ...entry, hash: entryHash(entry) });
    }
    return entries;
  });
  /** A chain and the place of one of its entries. */
  const place = chain.chain((entries) =>
    fc.tuple(fc.constant(entries), fc.nat({ max: entries.length - 1 })),
  );

  it('is good as it was written, and has the hash of its last entry as head', () => {
    fc.assert(
      fc.property(chain, (entries) => {
        const { broken, verifier } = verified(entries);
        expect(broken).toBeUndefined();
        expect(verifier).toMatchObject({ length: entries.length, head: entries.at(-1)?.hash });
      }),
    );
  });

  const changes: Readonly<Record<string, (entry: AuditEntry) => AuditEntry>> = {
    'its time': (entry) => ({ ...entry, at: new Date(Date.parse(entry.at) + 1).toISOString() }),
    'its actor': (entry) => ({ ...entry, actor: { ...entry.actor, name: `${entry.actor.name}x` } }),
    'its action': (entry) => ({ ...entry, action: `${entry.action}x` }),
    'its subject': (entry) => ({
      ...entry,
      subject: { ...entry.subject, revision: `${entry.subject.revision}x` },
    }),
    'its details': (entry) => ({ ...entry, details: { ...entry.details, 'not there': 'before' } }),
    'its hash': (entry) => ({ ...entry, hash: GENESIS_HASH }),
  };
  it.each(Object.keys(changes))('is broken at an entry of which somebody changes %s', (what) => {
    fc.assert(
      fc.property(place, ([entries, index]) => {
        const changed = entries.map((entry, each) =>
          each === index ? (changes[what]?.(entry) ?? entry) : entry,
        );
        expect(verified(changed).broken).toMatchObject({ sequence: index + 1, kind: 'changed' });
      }),
    );
  });

  it('is broken after an entry that was changed together with its hash', () => {
    fc.assert(
      fc.property(place, ([entries, index]) => {
        const changed = entries.map((entry, each) => {
          if (each !== index) return entry;
          const forged = { ...entry, action: `${entry.action}x` };
          return { ...forged, hash: entryHash(forged) };
        });
        // The forged last entry is a good one: whoever noted the head finds it.
        if (index === entries.length - 1) {
          expect(verified(changed).verifier.head).not.toBe(entries.at(-1)?.hash);
        } else {
          expect(verified(changed).broken).toMatchObject({ sequence: index + 2 });
        }
      }),
    );
  });

  it('is broken where an entry is missing', () => {
    fc.assert(
      fc.property(place, ([entries, index]) => {
        fc.pre(index < entries.length - 1);
        const rest = entries.filter((_, each) => each !== index);
        expect(verified(rest).broken).toMatchObject({ sequence: index + 1, kind: 'missing' });
      }),
    );
  });

  it('is broken where an entry is missing and the others close ranks', () => {
    fc.assert(
      fc.property(place, ([entries, index]) => {
        fc.pre(index < entries.length - 1);
        const closed = entries
          .filter((_, each) => each !== index)
          .map((entry, each) => ({ ...entry, sequence: each + 1 }));
        expect(verified(closed).broken).toMatchObject({ sequence: index + 1 });
      }),
    );
  });

  it('is broken where two entries change places, with their numbers or without', () => {
    fc.assert(
      fc.property(place, fc.nat(), fc.boolean(), ([entries, a], seed, renumber) => {
        const b = seed % entries.length;
        fc.pre(a !== b);
        const swapped = entries.map((entry, each) => {
          const there = each === a ? entries[b] : each === b ? entries[a] : entry;
          return { ...(there ?? entry), ...(renumber ? { sequence: each + 1 } : {}) };
        });
        expect(verified(swapped).broken).toMatchObject({ sequence: Math.min(a, b) + 1 });
      }),
    );
  });
});

function verified(entries: readonly AuditEntry[]) {
  const verifier = new ChainVerifier();
  for (const entry of entries) {
    const broken = verifier.add(entry);
    if (broken !== undefined) return { broken, verifier };
  }
  return { broken: undefined, verifier };
}

/** The same value with the members of its objects in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
