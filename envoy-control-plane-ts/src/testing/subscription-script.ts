import type { TypedResource } from '../resource.js';
import { type ResourceSet, resourceSet } from '../resource-set.js';
import type { Answer, Rejection, Subscription } from '../subscription.js';

/**
 * Plays a conversation with a subscription and writes down what the server sends, so that tests
 * read as the specification: `a1` is the resource `a` with content 1, `-a` a removal, and ` | `
 * stands between responses.
 */
export class SubscriptionScript<Request> {
  readonly #subscription: Subscription<Request>;
  #set: ResourceSet | undefined;
  #adopted: 'before the first request' | 'due' | 'done' = 'before the first request';
  #nonceCount = 0;
  lastNonce = '';

  constructor(subscription: Subscription<Request>) {
    this.#subscription = subscription;
  }

  /** The server's resources are now these. */
  has(words: string): void {
    this.#set = resourceSet(resources(words, this.#subscription.typeUrl));
  }

  get version(): string {
    return this.#set?.version ?? '';
  }

  request(request: Request): readonly Answer[] {
    if (this.#adopted === 'before the first request') {
      this.#adopted = 'due';
    }
    return this.#subscription.apply(request);
  }

  /** Everything that the server sends now. */
  sent({ removals = true, maxBytes = 1_000_000 } = {}): string {
    const responses: string[] = [];
    if (this.#set === undefined) {
      return '';
    }
    if (this.#adopted === 'due') {
      this.#adopted = 'done';
      this.#subscription.adopt(this.#set);
    }
    for (;;) {
      const update = this.#subscription.next(this.#set, { removals, maxBytes });
      if (update === undefined) {
        return responses.join(' | ');
      }
      this.#nonceCount += 1;
      if (this.#nonceCount > 1_000) {
        throw new Error(`the server does not stop: ${responses.slice(-5).join(' | ')}`);
      }
      this.lastNonce = `n${this.#nonceCount}`;
      this.#subscription.sent(update, this.lastNonce);
      const words = [
        ...update.resources.map(({ name, version }) => name + version).sort(),
        ...update.removed.map((name) => `-${name}`).sort(),
      ];
      responses.push(words.join(' ') || 'empty');
    }
  }
}

export const rejection: Rejection = { code: 13, message: 'bad' };

/** `a1 b2` as resources; the digits are the version. */
export function resources(words: string, typeUrl: TypedResource['typeUrl']): TypedResource[] {
  return split(words).map((word) => {
    const [, name = word, version = ''] = /^(.*?)(\d*)$/.exec(word) ?? [];
    return { name, version, typeUrl, value: Buffer.from(word) };
  });
}

export function split(words: string): string[] {
  return words.split(' ').filter((word) => word !== '');
}
