import type { Update } from './subscription.js';

/**
 * Responses that wait for an ACK or NACK, oldest first. Bounded: a client that never answers is
 * not sent more than this, and then gets the newest state in one response when it does answer.
 */
const unansweredMax = 32;

export class UnansweredResponses {
  readonly #byNonce = new Map<string, Update>();

  get size(): number {
    return this.#byNonce.size;
  }

  get full(): boolean {
    return this.#byNonce.size >= unansweredMax;
  }

  /** Names of the resources in all of them. */
  *names(): Iterable<string> {
    for (const { resources } of this.#byNonce.values()) {
      for (const { name } of resources) {
        yield name;
      }
    }
  }

  add(nonce: string, update: Update): void {
    this.#byNonce.set(nonce, update);
  }

  /** Takes one response out. */
  take(nonce: string): Update | undefined {
    const update = this.#byNonce.get(nonce);
    this.#byNonce.delete(nonce);
    return update;
  }

  /** Takes out a response and all that went before it, oldest first. */
  takeThrough(nonce: string): [nonce: string, update: Update][] {
    if (!this.#byNonce.has(nonce)) {
      return [];
    }
    const taken: [string, Update][] = [];
    for (const entry of this.#byNonce) {
      this.#byNonce.delete(entry[0]);
      taken.push(entry);
      if (entry[0] === nonce) {
        break;
      }
    }
    return taken;
  }
}
