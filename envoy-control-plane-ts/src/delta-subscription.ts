import { RejectedGroups } from './rejected-groups.js';
import type { TypedResource } from './resource.js';
import type { ResourceSet } from './resource-set.js';
import type { Answer, NextOptions, Rejection, Subscription, Update } from './subscription.js';
import { isRootType, type TypeUrl } from './type-url.js';
import { UnansweredResponses } from './unanswered.js';

/** The part of a DeltaDiscoveryRequest that concerns one type. */
export interface DeltaRequest {
  readonly nonce: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name to version; only looked at in the first request of a type on a stream. */
  readonly initialVersions: Readonly<Record<string, string>>;
  readonly rejection?: Rejection;
}

/** The client is to be told about this name, whatever it holds. */
const owed = Symbol('owed');

/**
 * The incremental variant, one type on one stream.
 * Quotations are from https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, section in
 * brackets.
 */
export class DeltaSubscription implements Subscription<DeltaRequest> {
  #started = false;
  #wildcard = false;
  /** A response is due even if there is nothing to say. */
  #firstDue = false;
  readonly #names = new Set<string>();
  /**
   * What the client holds, by name: the version that was sent last (accepted or not), or a mark.
   * After a NACK the version stays, so "no content is sent again until it changes".
   */
  readonly #held = new Map<string, string | typeof owed>();
  readonly #unanswered = new UnansweredResponses();
  readonly #rejected = new RejectedGroups();
  /** The set for which `next` found nothing to send, with removals and without. */
  readonly #settled = new Map<boolean, ResourceSet>();

  constructor(readonly typeUrl: TypeUrl) {}

  get awaitsAnswer(): boolean {
    return this.#unanswered.size > 0;
  }

  names(): string[] {
    return this.#wildcard ? ['*', ...this.#names] : [...this.#names];
  }

  apply(request: DeltaRequest): readonly Answer[] {
    const first = !this.#started;
    this.#started = true;
    const answers = this.#answers(request);
    const { subscribe, unsubscribe } = request;
    // A plain ACK is never answered, and costs no look at the resources.
    if (first || subscribe.length > 0 || unsubscribe.length > 0 || request.rejection) {
      this.#settled.clear();
    }
    // "the server must honor changes to the subscription state even if the nonce is stale. The
    // nonce … should not be used to reject stale requests" [Incremental xDS]. So from here on the
    // nonce plays no part, and one that belongs to another type or stream does no harm.
    if (first) {
      this.#start(request);
    }
    for (const name of subscribe) {
      this.#subscribe(name, first);
    }
    for (const name of unsubscribe) {
      this.#unsubscribe(name);
    }
    if (first) {
      this.#forgetUnwanted();
      // Envoy starts when it has an answer to its wildcards, and waits 15 s for it, so "there are
      // none" must be said. A client that states versions has had an answer before.
      this.#firstDue = this.#wildcard && this.#held.size === 0;
    }
    return answers;
  }

  adopt(set: ResourceSet): readonly TypedResource[] {
    return [...set.resources.values()].filter(
      (resource) => this.#held.get(resource.name) === resource.version,
    );
  }

  next(set: ResourceSet, options: NextOptions): Update | undefined {
    if (!this.#started || this.#unanswered.full || this.#settled.get(options.removals) === set) {
      return undefined;
    }
    const again = this.#rejected.next((resource) => this.#isCurrent(resource, set));
    if (again !== undefined) {
      return { resources: again, removed: [], version: set.version };
    }
    const resources = this.#changed(set, options.maxBytes);
    const removed = this.#gone(set, options.removals);
    if (resources.length === 0 && removed.length === 0 && !this.#firstDue) {
      this.#settled.set(options.removals, set);
      return undefined;
    }
    return { resources, removed, version: set.version };
  }

  sent(update: Update, nonce: string): void {
    this.#settled.clear();
    this.#firstDue = false;
    this.#unanswered.add(nonce, update);
    for (const { name, version } of update.resources) {
      this.#held.set(name, version);
    }
    // "Management servers must remember the set of resources being requested by the client, and if
    // one of those springs into existence later, the server must send an update" [Knowing When a
    // Requested Resource Does Not Exist]: the name stays in #names, and is not held.
    for (const name of update.removed) {
      this.#held.delete(name);
    }
  }

  sendAgain(names: Iterable<string>): void {
    for (const name of names) {
      if (typeof this.#held.get(name) === 'string') {
        this.#held.set(name, owed);
        this.#settled.clear();
      }
    }
  }

  #answers({ nonce, rejection }: DeltaRequest): readonly Answer[] {
    // A request is an answer if its nonce is that of a response; "ACK or NACK is determined by the
    // absence or presence of error_detail" [Incremental xDS].
    const update = this.#unanswered.take(nonce);
    if (update === undefined) {
      return [];
    }
    if (rejection === undefined) {
      return [{ kind: 'ack', nonce, update }];
    }
    const retried = this.#rejected.reject(update.resources);
    return [{ kind: 'nack', nonce, update, rejection, retried }];
  }

  #start({ subscribe, unsubscribe, initialVersions }: DeltaRequest): void {
    // "(legacy behavior) the request must have no resources in both resource_names_subscribe and
    // resource_names_unsubscribe" [Incremental xDS]; only for types with a wildcard [How the client
    // specifies what resources to return]. It lasts until '*' is unsubscribed: subscribing to a
    // name is "continuing the existing subscription to '*' and adding a new subscription".
    this.#wildcard = isRootType(this.typeUrl) && subscribe.length === 0 && unsubscribe.length === 0;
    // "On reconnect the Incremental xDS client may tell the server of its known resources to avoid
    // resending them" [Incremental xDS]. A version that differs, or a name that is gone, is found
    // by `next` like any other difference.
    for (const [name, version] of Object.entries(initialVersions)) {
      this.#held.set(name, version);
    }
  }

  #subscribe(name: string, first: boolean): void {
    if (name === '*') {
      if (this.#wildcard && !first) {
        this.#oweAll();
      }
      this.#wildcard = true;
      this.#oweInFlight();
      return;
    }
    // "A resource_names_subscribe field may contain resource names that the server believes the
    // client is already subscribed to … the server must still provide those resources" [Subscribing
    // to Resources]. In a stream's first request the versions it states count instead.
    if (!first || !this.#held.has(name)) {
      this.#held.set(name, owed);
    }
    this.#names.add(name);
  }

  #unsubscribe(name: string): void {
    if (name === '*') {
      this.#wildcard = false;
      this.#forgetUnwanted();
      return;
    }
    // "The server must cleanly process such a request; it can simply ignore these phantom
    // unsubscriptions" [Unsubscribing from Resources].
    if (!this.#names.delete(name)) {
      return;
    }
    if (this.#wildcard) {
      // "the server must send a response that includes the specific resource in either the
      // removed_resources field (if it is not included in the wildcard) or in the resources field
      // (if it is)" [Unsubscribing from Resources].
      this.#held.set(name, owed);
    } else {
      // "a server does not need to send any response if a request does nothing except unsubscribe".
      this.#held.delete(name);
    }
  }

  #oweAll(): void {
    for (const name of this.#held.keys()) {
      this.#held.set(name, owed);
    }
  }

  /**
   * A client that has dropped a name and then asks for '*' keeps the resource if it was on its way
   * meanwhile. We have forgotten it, and must not: it may have to be removed.
   */
  #oweInFlight(): void {
    for (const name of this.#unanswered.names()) {
      if (!this.#held.has(name)) {
        this.#held.set(name, owed);
      }
    }
  }

  #forgetUnwanted(): void {
    if (this.#wildcard) {
      return;
    }
    for (const name of this.#held.keys()) {
      if (!this.#names.has(name)) {
        this.#held.delete(name);
      }
    }
  }

  /** Resources of interest that the client does not hold in this version. */
  #changed(set: ResourceSet, maxBytes: number): TypedResource[] {
    const changed: TypedResource[] = [];
    let bytes = 0;
    for (const resource of this.#interesting(set)) {
      if (this.#held.get(resource.name) === resource.version) {
        continue;
      }
      bytes += resource.value.length;
      if (bytes > maxBytes && changed.length > 0) {
        break;
      }
      changed.push(resource);
    }
    return changed;
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

  /** Names that the client must learn do not exist (any more). */
  #gone(set: ResourceSet, removals: boolean): string[] {
    const gone: string[] = [];
    for (const [name, held] of this.#held) {
      if (set.resources.has(name)) {
        continue;
      }
      // "When a resource subscribed to by a client does not exist, the server will send a message
      // that contains that resource's name in the removed_resources field" [Knowing When a
      // Requested Resource Does Not Exist].
      if (held === owed || removals) {
        gone.push(name);
      }
    }
    return gone;
  }

  #isCurrent(resource: TypedResource, set: ResourceSet): boolean {
    return (
      this.#held.get(resource.name) === resource.version &&
      set.resources.get(resource.name)?.version === resource.version
    );
  }
}
