import { canonicalDigest, type JsonValue } from './audit-canonical-json.js';

/** Who did it, as far as that is known. */
export interface Actor {
  /**
   * `control-plane`: by itself. `pusher`: whoever pushed the commit, as the server that took the push
   * knows him. `committer`: the author of a commit that nobody is known to have pushed, as Git names
   * him. `operator`: holds the join token; the name is his own word. `sidecar`: a client of the xDS
   * server, by its certificate.
   */
  readonly kind: 'control-plane' | 'pusher' | 'committer' | 'operator' | 'sidecar';
  readonly name: string;
}

/** What it was done to. */
export interface AuditSubject {
  readonly revision?: string;
  readonly commit?: string;
  readonly instance?: string;
}

/** One entry of the audit log. */
export interface AuditEntry {
  /** 1, 2, 3, … without a gap. */
  readonly sequence: number;
  /** ISO 8601 in UTC, with milliseconds. */
  readonly at: string;
  readonly actor: Actor;
  readonly action: string;
  readonly subject: AuditSubject;
  readonly details: Readonly<Record<string, JsonValue>>;
  /** `hash` of the entry before; 64 zeros before the first. */
  readonly previousHash: string;
  /** SHA-256, in hexadecimal, of everything above. */
  readonly hash: string;
}

/** Where the chain breaks. */
export interface ChainBreak {
  /** Of the first entry that is not as it was written, or is not there. */
  readonly sequence: number;
  readonly kind: 'changed' | 'missing' | 'reordered';
  readonly explanation: string;
}

/** What the first entry follows. */
export const GENESIS_HASH = '0'.repeat(64);

/** The hash that an entry must have: over the canonical JSON of all of it, the hash before included. */
export function entryHash(entry: Omit<AuditEntry, 'hash'>): string {
  const { sequence, at, actor, action, subject, details, previousHash } = entry;
  const covered = {
    sequence,
    at,
    actor: { ...actor },
    action,
    subject: { ...subject },
    details,
    previousHash,
  };
  return canonicalDigest(covered);
}

/**
 * Follows a chain from its first entry, in constant memory. That entries are missing at the end is
 * seen by nobody but who has noted an earlier head.
 */
export class ChainVerifier {
  #length = 0;
  #head = GENESIS_HASH;

  /** How many entries were found good. */
  get length(): number {
    return this.#length;
  }

  /** Hash of the last good entry. */
  get head(): string {
    return this.#head;
  }

  /** Takes the next entry; the first break ends the verification. */
  add(entry: AuditEntry): ChainBreak | undefined {
    const expected = this.#length + 1;
    const broken = (kind: ChainBreak['kind'], explanation: string) => {
      return { sequence: expected, kind, explanation };
    };
    if (entry.sequence > expected) {
      return broken('missing', `entry ${expected} is missing: entry ${entry.sequence} comes next`);
    }
    if (entry.sequence !== expected) {
      return broken('reordered', `entry ${entry.sequence} stands where entry ${expected} belongs`);
    }
    if (entry.previousHash !== this.#head) {
      return broken(
        'reordered',
        expected === 1
          ? 'entry 1 says that another came before it'
          : `entry ${expected} does not follow entry ${this.#length}: one of them was changed or exchanged`,
      );
    }
    if (entryHash(entry) !== entry.hash) {
      return broken('changed', `entry ${expected} was changed: its content has another hash`);
    }
    this.#length = expected;
    this.#head = entry.hash;
    return undefined;
  }
}
