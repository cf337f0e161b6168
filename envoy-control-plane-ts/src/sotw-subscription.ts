import { RejectedGroups } from './rejected-groups.js';
import type { TypedResource } from './resource.js';
import { type ResourceSet, versionOf } from './resource-set.js';
import {
  type Answer,
  type NextOptions,
  problemsOf,
  type Rejection,
  type Subscription,
  type Update,
} from './subscription.js';
import { isRootType, type TypeUrl } from './type-url.js';
import { UnansweredResponses } from './unanswered.js';

/** The part of a DiscoveryRequest that concerns one type. */
export interface SotwRequest {
  readonly nonce: string;
  readonly names: readonly string[];
  /** The version of the type that the client uses. */
  readonly version: string;
  readonly rejection?: Rejection;
}

/**
 * The state-of-the-world variant, one type on one stream.
 * Quotations are from https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, section in
 * brackets.
 */
export class SotwSubscription implements Subscription<SotwRequest> {
  namesVersion = 0;
  #started = false;
  /** True once a name was asked for; from then on an empty list means "nothing". */
  #named = false;
  #wildcard = false;
  #names: ReadonlySet<string> = new Set();
  #lastNonce = '';
  /** The version that the client said it has when the stream began, until it was looked at. */
  #claimedVersion = '';
  /** What was sent last, accepted or not, by name. */
  readonly #held = new Map<string, TypedResource>();
  /** Names that do not exist, of which the client has been told why. */
  readonly #explained = new Set<string>();
  /** A response is due even if it says nothing new. */
  #owed = false;
  readonly #unanswered = new UnansweredResponses();
  readonly #rejected = new RejectedGroups();
  /** The set for which `next` found nothing to send, with removals and without. */
  readonly #settled = new Map<boolean, ResourceSet>();

  constructor(readonly typeUrl: TypeUrl) {}

  get awaitsAnswer(): boolean {
    return this.#unanswered.size > 0;
  }

  get settled(): boolean {
    return this.#settled.has(true);
  }

  get holdsNothing(): boolean {
    return this.#held.size === 0;
  }

  /** "The API provides no mechanism" for this [Deleting Resources]. */
  sayAbsent(): void {}

  asksFor(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  names(): string[] {
    return this.#wildcard ? ['*', ...this.#names] : [...this.#names];
  }

  apply(request: SotwRequest): readonly Answer[] {
    const answers = this.#answers(request);
    // "The management server should not send a DiscoveryResponse for any DiscoveryRequest that has
    // a stale nonce" [Resource updates]; the client repeats its names when it answers the newest
    // response. A nonce of another type is as stale as an old one and no reason to close the
    // stream. "The nonce is valid only in the context of an individual xDS stream" [Basic Protocol
    // Overview], so a stream's first request of a type counts whatever its nonce.
    if (this.#started && request.nonce !== this.#lastNonce) {
      return answers;
    }
    if (!this.#started) {
      this.#started = true;
      this.namesVersion += 1;
      this.#claimedVersion = request.version;
      // Clients wait for a first answer even when there are no clusters or listeners at all.
      this.#owed = isRootType(this.typeUrl);
    }
    this.#settled.clear();
    this.#setNames(request.names);
    return answers;
  }

  adopt(set: ResourceSet): readonly TypedResource[] {
    // "Servers may decide to optimize by not resending resources that the client had already seen
    // on the previous stream … it is generally safe to do this for LDS and CDS when the only
    // subscription is a wildcard subscription" [ACK/NACK and resource type instance version].
    const holdsAll =
      isRootType(this.typeUrl) &&
      this.#wildcard &&
      this.#names.size === 0 &&
      this.#claimedVersion === set.version;
    if (!holdsAll) {
      return [];
    }
    this.#owed = false;
    const adopted = [...set.resources.values()];
    this.#hold(adopted);
    return adopted;
  }

  next(set: ResourceSet, options: NextOptions): Update | undefined {
    if (!this.#subscribes() || this.#unanswered.full) {
      return undefined;
    }
    if (this.#settled.get(options.removals) === set) {
      return undefined;
    }
    // What was found of an older set says nothing of this one: there may be removals in it.
    if (this.#settled.get(!options.removals) !== set) {
      this.#settled.clear();
    }
    const update = isRootType(this.typeUrl)
      ? this.#nextWhole(set, options)
      : this.#nextPart(set, options);
    if (update === undefined && !this.#rejected.pending) {
      this.#settled.set(options.removals, set);
    }
    return update;
  }

  heartbeat(): Update | undefined {
    const resources = [...this.#held.values()].filter(({ ttlMs }) => ttlMs !== undefined);
    return resources.length === 0 || this.#unanswered.full
      ? undefined
      : { resources, removed: [], version: versionOf(this.#held.values()), heartbeat: true };
  }

  sent(update: Update, nonce: string): void {
    this.#settled.clear();
    this.#lastNonce = nonce;
    this.#owed = false;
    this.#unanswered.add(nonce, update);
    this.#hold(update.resources);
    for (const name of update.removed) {
      this.#held.delete(name);
    }
    for (const name of update.problems?.keys() ?? []) {
      this.#explained.add(name);
    }
  }

  sendAgain(names: Iterable<string>): void {
    for (const name of names) {
      if (this.#held.has(name)) {
        this.#forget(name);
        this.#settled.clear();
      }
    }
  }

  #subscribes(): boolean {
    return this.#started && (this.#wildcard || this.#names.size > 0);
  }

  #answers({ nonce, rejection }: SotwRequest): readonly Answer[] {
    // A client may answer several responses with one request that carries the newest nonce; "the
    // preferred mechanism to detect a NACK is to look for the presence of the error_detail field"
    // [NACK], never the version.
    return this.#unanswered.takeThrough(nonce).map(([answered, update]) => {
      if (rejection === undefined || answered !== nonce) {
        return { kind: 'ack', nonce: answered, update };
      }
      // A response of clusters or listeners must be whole, so there it cannot be sent in parts.
      const retried = !isRootType(this.typeUrl) && this.#rejected.reject(update.resources);
      return { kind: 'nack', nonce: answered, update, rejection, retried };
    });
  }

  #setNames(names: readonly string[]): void {
    // "if the client … has never explicitly subscribed to any resource names … the server should
    // treat that identically to … '*'. However, once the client does explicitly subscribe to a
    // resource name (whether it be '*' or any other name), then this legacy semantic is no longer
    // available; at that point, clearing the list … is interpreted as an unsubscription" [How the
    // client specifies what resources to return]. Wildcards are for clusters and listeners; an
    // empty list of any other type asks for nothing.
    if (!isSame(this.#names, names)) {
      this.namesVersion += 1;
    }
    if (!this.#named && names.length === 0) {
      this.#wildcard = isRootType(this.typeUrl);
      return;
    }
    this.#named = true;
    const before = { wildcard: this.#wildcard, names: this.#names };
    this.#wildcard = names.includes('*');
    this.#names = new Set(names.filter((name) => name !== '*'));
    for (const name of this.#explained) {
      if (!this.#names.has(name)) {
        this.#explained.delete(name);
      }
    }
    // "the server must resend any newly requested resources, even if it previously sent those
    // resources without having been asked for them and the resources have not changed".
    let asksMore = this.#wildcard && !before.wildcard;
    for (const name of this.#names) {
      if (!before.names.has(name)) {
        asksMore = true;
        this.#forget(name);
      }
    }
    this.#owed ||= asksMore && isRootType(this.typeUrl);
    // "If the client unsubscribes from B, it must send a new request containing only A": forget B,
    // so that a later subscription sends it again. Nothing is answered.
    for (const name of this.#held.keys()) {
      if (!this.#wildcard && !this.#names.has(name)) {
        this.#held.delete(name);
      }
    }
  }

  /** A root type is sent whole, so what it holds must stay known; only that a response is due. */
  #forget(name: string): void {
    if (!isRootType(this.typeUrl)) {
      this.#held.delete(name);
    }
  }

  /**
   * "Listener and Cluster … the server must include the complete state of the world"; "if a
   * previously seen resource is not present in a new response, that indicates that the resource has
   * been removed" [Grouping Resources into Responses; Deleting Resources]. While nothing may be
   * removed yet, what is gone from the set is listed once more as it was.
   */
  #nextWhole(set: ResourceSet, { removals, whyMissing }: NextOptions): Update | undefined {
    const whole = new Map<string, TypedResource>();
    for (const resource of this.#interesting(set)) {
      whole.set(resource.name, resource);
    }
    const gone = [...this.#held.values()].filter(({ name }) => !whole.has(name));
    if (!removals) {
      for (const resource of gone) {
        whole.set(resource.name, resource);
      }
    }
    const changed = [...whole.values()].some(
      ({ name, version }) => this.#held.get(name)?.version !== version,
    );
    const problems = this.#problems(set, whyMissing);
    if (!this.#owed && !changed && !problems && (gone.length === 0 || !removals)) {
      return undefined;
    }
    const isSet = whole.size === set.resources.size && (removals || gone.length === 0);
    return {
      resources: [...whole.values()],
      removed: removals ? gone.map(({ name }) => name) : [],
      version: isSet ? set.version : versionOf(whole.values()),
      ...(problems && { problems }),
    };
  }

  /**
   * Other types "are grouped into responses in the same way as in the incremental protocol": only
   * what changed. "The API provides no mechanism for the server to tell the client that resources
   * have been deleted" [Deleting Resources], and an empty response would be a no-op, so what does
   * not exist is not answered until it does, unless there is a reason to tell.
   */
  #nextPart(set: ResourceSet, { maxBytes, whyMissing }: NextOptions): Update | undefined {
    for (const name of this.#held.keys()) {
      if (!set.resources.has(name)) {
        this.#held.delete(name);
      }
    }
    if (this.#rejected.pending) {
      // One part at a time: only the newest nonce is answered for sure.
      const again = this.awaitsAnswer ? undefined : this.#nextRejected(set);
      if (again !== undefined || this.#rejected.pending) {
        return again;
      }
    }
    const changed: TypedResource[] = [];
    let bytes = 0;
    for (const resource of this.#interesting(set)) {
      if (this.#held.get(resource.name)?.version === resource.version) {
        continue;
      }
      bytes += resource.value.length;
      if (bytes > maxBytes && changed.length > 0) {
        break;
      }
      changed.push(resource);
    }
    const problems = this.#problems(set, whyMissing);
    return changed.length === 0 && problems === undefined
      ? undefined
      : {
          resources: changed,
          removed: [],
          version: set.version,
          ...(problems && { problems }),
        };
  }

  /**
   * What there is to say of names that do not exist, once each.
   * https://github.com/cncf/xds/blob/main/proposals/TP3-xds-error-propagation.md
   */
  #problems(set: ResourceSet, whyMissing: NextOptions['whyMissing']) {
    if (whyMissing === undefined) {
      return undefined;
    }
    const missing: string[] = [];
    for (const name of this.#names) {
      if (set.resources.has(name)) {
        this.#explained.delete(name);
      } else if (!this.#explained.has(name)) {
        missing.push(name);
      }
    }
    return problemsOf(missing, whyMissing);
  }

  #nextRejected(set: ResourceSet): Update | undefined {
    const resources = this.#rejected.next(
      ({ name, version }) =>
        this.#held.get(name)?.version === version && set.resources.get(name)?.version === version,
    );
    return resources && { resources, removed: [], version: set.version };
  }

  *#interesting(set: ResourceSet): Iterable<TypedResource> {
    if (this.#wildcard) {
      yield* set.resources.values();
      return;
    }
    for (const name of this.#names) {
      const resource = set.resources.get(name);
      if (resource !== undefined) {
        yield resource;
      }
    }
  }

  #hold(resources: readonly TypedResource[]): void {
    for (const resource of resources) {
      this.#held.set(resource.name, resource);
    }
  }
}

function isSame(before: ReadonlySet<string>, names: readonly string[]): boolean {
  return before.size === names.length && names.every((name) => before.has(name));
}
