import { LimitExceeded } from './errors.js';
import { identityOf, type Peer } from './peer.js';

/** Counts the streams of each identity, so that one client cannot take the place of all others. */
export class PeerStreams {
  readonly #byIdentity = new Map<string, number>();

  constructor(private readonly max: number) {}

  /**
   * Returns how to give the stream's place back, once.
   * @throws LimitExceeded
   */
  take(peer: Peer): () => void {
    const identity = identityOf(peer);
    const count = this.#byIdentity.get(identity) ?? 0;
    if (count >= this.max) {
      throw new LimitExceeded(`${identity} has ${count} open streams, and may have ${this.max}`);
    }
    this.#byIdentity.set(identity, count + 1);
    return () => {
      const left = (this.#byIdentity.get(identity) ?? 0) - 1;
      if (left > 0) {
        this.#byIdentity.set(identity, left);
      } else {
        this.#byIdentity.delete(identity);
      }
    };
  }
}
