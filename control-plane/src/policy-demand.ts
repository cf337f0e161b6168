import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@dotline/model/revision';

/** A host may have to start its authorizer first. One that has not asked for so long is not there. */
const READY_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 10;
const HOSTS_MAX = 1_000;

/** The request policies that authorizers are to have at hand, by content hash. */
export interface WantedPolicies {
  /** Names the rest. */
  readonly version: string;
  /** What sidecars ask by, or are about to. */
  readonly live: readonly string[];
  /** What a staged revision judges by. */
  readonly staged: readonly string[];
}

interface Host {
  /** The version of which the host says that its authorizer has all that can be had. */
  has: string;
  /** Calls that wait for an answer. */
  waiting: number;
  seenAtMs: number;
}

/**
 * Tells hosts what their authorizers are to have at hand before sidecars ask by it, so that the first request finds
 * a program that is there and warm. Hosts ask, and say with the next question that they are done. One that does not
 * come to it in time is waited for no longer: its sidecars ask all the same, and refuse what nobody decides.
 */
export class PolicyDemand {
  readonly #hosts = new Map<string, Host>();
  readonly #changed = new EventTarget();
  #leaving: readonly string[] = [];
  #live: readonly string[] = [];
  #staged: readonly string[] = [];
  #wanted = versioned([], []);

  /** A revision is about to go out; those of the one before stay wanted until it is {@link placed}. */
  goingOut(revision: Revision): void {
    this.#leaving = this.#live;
    this.#live = hashesOf(revision);
    this.#update();
  }

  /** Every sidecar has been given the latest revision. */
  placed(): void {
    this.#leaving = [];
    this.#update();
  }

  /** A revision is about to be judged beside the live one, or none. */
  staged(revision: Revision | undefined): void {
    this.#staged = revision === undefined ? [] : hashesOf(revision);
    this.#update();
  }

  /** Whether every host that asks is done with what is wanted. */
  get isMet(): boolean {
    const oldestMs = Date.now() - READY_WITHIN_MS;
    return [...this.#hosts.values()].every(
      ({ has, waiting, seenAtMs }) =>
        has === this.#wanted.version || (waiting === 0 && seenAtMs < oldestMs),
    );
  }

  /** Resolves when {@link isMet}, or after a while. */
  async met(): Promise<void> {
    const untilMs = Date.now() + READY_WITHIN_MS;
    while (!this.isMet && Date.now() < untilMs) await sleep(LOOK_EVERY_MS);
  }

  /**
   * Answers a host with what is wanted, as soon as that is something else than what it has, or at the signal.
   * @param has version that it is done with; empty before the first
   */
  async next(host: string, has: string, signal: AbortSignal): Promise<WantedPolicies> {
    const known = this.#host(host);
    known.has = has;
    known.waiting += 1;
    try {
      if (has === this.#wanted.version && !signal.aborted) await this.#change(signal);
      return this.#wanted;
    } finally {
      known.waiting -= 1;
      known.seenAtMs = Date.now();
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#changed.removeEventListener('change', end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      this.#changed.addEventListener('change', end);
      signal.addEventListener('abort', end);
    });
  }

  #host(name: string): Host {
    const known = this.#hosts.get(name) ?? { has: '', waiting: 0, seenAtMs: 0 };
    // The one that asked last stands last.
    this.#hosts.delete(name);
    this.#hosts.set(name, known);
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > HOSTS_MAX && oldest !== undefined) this.#hosts.delete(oldest);
    return known;
  }

  #update(): void {
    const wanted = versioned([...new Set([...this.#live, ...this.#leaving])], this.#staged);
    if (wanted.version === this.#wanted.version) return;
    this.#wanted = wanted;
    this.#changed.dispatchEvent(new Event('change'));
  }
}

function hashesOf({ requestPolicies = [] }: Revision): string[] {
  return requestPolicies.map(({ hash }) => hash);
}

function versioned(live: readonly string[], staged: readonly string[]): WantedPolicies {
  const content = { live: [...live].sort(), staged: [...staged].sort() };
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
  return { version, ...content };
}
