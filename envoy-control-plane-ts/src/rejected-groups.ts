import type { TypedResource } from './resource.js';

/**
 * Finds the bad resource of a rejected response.
 *
 * A NACK rejects a whole response and says which resource was bad only in prose. Worse, Envoy stops
 * at the first bad route configuration, assignment, secret or extension config of a response: good
 * ones behind it are lost, although the server has sent them. So a rejected response of several
 * resources is sent again in halves, those that are rejected in halves again, until each bad
 * resource has been rejected alone and each good one has been accepted. A resource alone is never
 * sent again until it changes. One bad among n costs about 2·log2(n) small responses, once.
 */
export class RejectedGroups {
  #groups: (readonly TypedResource[])[] = [];

  get pending(): boolean {
    return this.#groups.length > 0;
  }

  /** Splits a rejected response; says whether there is anything to send again. */
  reject(resources: readonly TypedResource[]): boolean {
    if (resources.length < 2) {
      return false;
    }
    const middle = Math.ceil(resources.length / 2);
    this.#groups.push(resources.slice(0, middle), resources.slice(middle));
    return true;
  }

  /** The next group to send, without what is no longer wanted. */
  next(isWanted: (resource: TypedResource) => boolean): readonly TypedResource[] | undefined {
    for (;;) {
      const group = this.#groups.shift();
      if (group === undefined) {
        return undefined;
      }
      const wanted = group.filter(isWanted);
      if (wanted.length > 0) {
        return wanted;
      }
    }
  }
}
