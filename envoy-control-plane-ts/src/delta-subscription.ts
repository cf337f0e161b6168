import { RejectedGroups } from './rejected-groups.js';
import type { TypedResource } from './resource.js';
import {
  type Differences,
  differences,
  emptyResourceSet,
  type ResourceSet,
  resourceNamed,
} from './resource-set.js';
import {
  type Answer,
  type NextOptions,
  problemsOf,
  type Rejection,
  type ResourceProblem,
  type Subscription,
  type Update,
} from './subscription.js';
import { isRootType, TypeUrl } from './type-url.js';
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
/** The client has nothing of this name. */
const absent = Symbol('absent');

/** What a client holds of a name: the version that was sent last (accepted or not), or a mark. */
type Held = string | typeof owed | typeof absent;

/**
 * The incremental variant, one type on one stream.
 * Quotations are from https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, section in
 * brackets.
 */
export class DeltaSubscription implements Subscription<DeltaRequest> {
  namesVersion = 0;
  #started = false;
  #wildcard = false;
  /** A response is due even if there is nothing to say. */
  #firstDue = false;
  readonly #names = new Set<string>();
  /**
   * The newest set that was looked at. Of the names that it asks for, the client holds what is in
   * here, except for those in #differing; so a stream that is up to date costs no memory for each
   * resource, and a change costs what changed. After a NACK a version counts as held, so "no content
   * is sent again until it changes".
   */
  #base: ResourceSet = emptyResourceSet;
  readonly #differing = new Map<string, Held>();
  /** The client has been sent something, or said when the stream began that it holds something. */
  #holdsSome = false;
  /** The update that `next` has just given is all that there was to say. */
  #offeredAll = false;
  readonly #unanswered = new UnansweredResponses();
  readonly #rejected = new RejectedGroups();

  constructor(readonly typeUrl: TypeUrl) {}

  get awaitsAnswer(): boolean {
    return this.#unanswered.size > 0;
  }

  get settled(): boolean {
    return this.#differing.size === 0 && !this.#firstDue && !this.#rejected.pending;
  }

  get holdsNothing(): boolean {
    return !this.#holdsSome;
  }

  sayAbsent(name: string): void {
    this.#offeredAll = false;
    if (resourceNamed(this.#base, name) === undefined) {
      this.#differing.set(name, owed);
    }
  }

  asksFor(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  names(): string[] {
    return this.#wildcard ? ['*', ...this.#names] : [...this.#names];
  }

  apply(request: DeltaRequest): readonly Answer[] {
    const first = !this.#started;
    this.#started = true;
    this.#offeredAll = false;
    const answers = this.#answers(request);
    const { subscribe, unsubscribe } = request;
    // "the server must honor changes to the subscription state even if the nonce is stale. The
    // nonce … should not be used to reject stale requests" [Incremental xDS]. So from here on the
    // nonce plays no part, and one that belongs to another type or stream does no harm.
    if (first) {
      this.#start(request);
    }
    if (first || subscribe.length > 0 || unsubscribe.length > 0) {
      this.namesVersion += 1;
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
      this.#firstDue = this.#wildcard && this.#differing.size === 0;
    }
    return answers;
  }

  adopt(set: ResourceSet): readonly TypedResource[] {
    if (!this.#holdsSome) {
      return [];
    }
    return [...this.#differing].flatMap(([name, held]) => {
      const resource = set.resources.get(name);
      return resource !== undefined && resource.version === held ? [resource] : [];
    });
  }

  next(set: ResourceSet, options: NextOptions): Update | undefined {
    if (!this.#started || this.#unanswered.full) {
      return undefined;
    }
    if (set !== this.#base) {
      this.#rebase(set);
    }
    const again = this.#rejected.next((resource) => this.#isCurrent(resource));
    if (again !== undefined) {
      return { resources: again, removed: [], version: set.version };
    }
    if (this.#differing.size === 0 && !this.#firstDue) {
      return undefined;
    }
    const resources = this.#changed(options.maxBytes);
    const gone = this.#gone(options.removals);
    if (resources.length === 0 && gone.length === 0 && !this.#firstDue) {
      return undefined;
    }
    const problems = this.#problems(gone, options.whyMissing);
    this.#offeredAll = gone.length === 0 && resources.length === this.#differing.size;
    return {
      resources,
      ...this.#split(gone),
      version: set.version,
      ...(problems && { problems }),
    };
  }

  heartbeat(): Update | undefined {
    const resources = [...this.#interesting()].filter(
      ({ name, ttlMs }) => ttlMs !== undefined && !this.#differing.has(name),
    );
    return resources.length === 0 || this.#unanswered.full
      ? undefined
      : { resources, removed: [], version: this.#base.version, heartbeat: true };
  }

  sent(update: Update, nonce: string): void {
    this.#firstDue = false;
    this.#holdsSome = true;
    this.#unanswered.add(nonce, update);
    if (this.#offeredAll && this.#base.aliases === undefined) {
      this.#offeredAll = false;
      this.#differing.clear();
      return;
    }
    for (const { name, version, aliases = [] } of update.resources) {
      this.#holds(name, version);
      for (const alias of aliases) {
        if (this.#names.has(alias)) {
          this.#holds(alias, version);
        }
      }
    }
    // "Management servers must remember the set of resources being requested by the client, and if
    // one of those springs into existence later, the server must send an update" [Knowing When a
    // Requested Resource Does Not Exist]: the name stays in #names, and is not held.
    for (const name of [...update.removed, ...(update.unresolved ?? [])]) {
      this.#differing.delete(name);
    }
  }

  #holds(name: string, version: string): void {
    if (resourceNamed(this.#base, name)?.version === version) {
      this.#differing.delete(name);
    } else {
      this.#differing.set(name, version);
    }
  }

  sendAgain(names: Iterable<string>): void {
    this.#offeredAll = false;
    for (const name of names) {
      if (typeof this.#heldOf(name) === 'string') {
        this.#differing.set(name, owed);
      }
    }
  }

  #heldOf(name: string): Held {
    const held = this.#differing.get(name);
    if (held !== undefined) {
      return held;
    }
    const resource = this.asksFor(name) ? resourceNamed(this.#base, name) : undefined;
    return resource?.version ?? absent;
  }

  #rebase(set: ResourceSet): void {
    const changes = differences(this.#base, set);
    if (this.#base.aliases !== undefined || set.aliases !== undefined) {
      this.#rebaseAliases(set, changes);
    }
    if (this.#wildcard || changes.size < this.#names.size) {
      for (const [name, before] of changes) {
        if (this.asksFor(name)) {
          this.#differFrom(name, before?.version);
        }
      }
    } else {
      for (const name of this.#names) {
        if (changes.has(name)) {
          this.#differFrom(name, changes.get(name)?.version);
        }
      }
    }
    this.#base = set;
  }

  /** What is asked for by another name changes with the resource; when that goes, it goes by its own. */
  #rebaseAliases(set: ResourceSet, changes: Differences): void {
    for (const [name, before] of changes) {
      const now = set.resources.get(name)?.aliases;
      if (before?.aliases === undefined && now === undefined) {
        continue;
      }
      for (const alias of new Set([...(before?.aliases ?? []), ...(now ?? [])])) {
        if (this.#names.has(alias)) {
          this.#differFrom(alias, before?.version);
          if (!set.resources.has(name)) {
            this.#differFrom(name, before?.version);
          }
        }
      }
    }
  }

  #differFrom(name: string, before: string | undefined): void {
    if (!this.#differing.has(name)) {
      this.#differing.set(name, before ?? absent);
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
      this.#holdsSome = true;
      this.#differing.set(name, version);
    }
  }

  #subscribe(name: string, first: boolean): void {
    if (name === '*') {
      this.#subscribeAll(first);
      return;
    }
    // "A resource_names_subscribe field may contain resource names that the server believes the
    // client is already subscribed to … the server must still provide those resources" [Subscribing
    // to Resources]. In a stream's first request the versions it states count instead.
    if (!first || !this.#holdsSome || this.#heldOf(name) === absent) {
      this.#differing.set(name, owed);
    }
    this.#names.add(name);
  }

  #subscribeAll(first: boolean): void {
    const again = this.#wildcard && !first;
    // A client that has dropped a name and then asks for '*' keeps the resource if it was on its
    // way meanwhile. We have forgotten it, and must not: it may have to be removed.
    for (const name of this.#unanswered.names()) {
      if (this.#heldOf(name) === absent) {
        this.#differing.set(name, owed);
      }
    }
    for (const name of this.#base.resources.keys()) {
      if (again || !this.asksFor(name)) {
        this.#differFrom(name, undefined);
      }
    }
    if (again) {
      for (const [name, held] of this.#differing) {
        if (held !== absent || this.#base.resources.has(name)) {
          this.#differing.set(name, owed);
        }
      }
    }
    this.#wildcard = true;
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
      this.#differing.set(name, owed);
    } else {
      // "a server does not need to send any response if a request does nothing except unsubscribe".
      this.#differing.delete(name);
    }
  }

  #forgetUnwanted(): void {
    if (this.#wildcard) {
      return;
    }
    for (const name of this.#differing.keys()) {
      if (!this.#names.has(name)) {
        this.#differing.delete(name);
      }
    }
  }

  /** Resources asked for that the client does not hold in this version. */
  #changed(maxBytes: number): TypedResource[] {
    const changed: TypedResource[] = [];
    let bytes = 0;
    for (const [name, held] of this.#differing) {
      const resource = resourceNamed(this.#base, name);
      if (resource === undefined || (resource.aliases && changed.includes(resource))) {
        continue;
      }
      if (held === resource.version) {
        this.#differing.delete(name);
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

  /** Names that the client must learn do not exist (any more). */
  #gone(removals: boolean): string[] {
    const gone: string[] = [];
    for (const [name, held] of this.#differing) {
      if (resourceNamed(this.#base, name) !== undefined) {
        continue;
      }
      // "When a resource subscribed to by a client does not exist, the server will send a message
      // that contains that resource's name in the removed_resources field" [Knowing When a
      // Requested Resource Does Not Exist].
      if (held === absent) {
        this.#differing.delete(name);
      } else if (held === owed || removals) {
        gone.push(name);
      }
    }
    return gone;
  }

  /**
   * A request that waits for a virtual host goes on only when the name comes back, as that of a
   * resource without content; Envoy rejects a name that is in removed_resources as well.
   * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
   */
  #split(gone: string[]): Pick<Update, 'removed' | 'unresolved'> {
    if (this.typeUrl !== TypeUrl.VirtualHost) {
      return { removed: gone };
    }
    const unresolved = gone.filter((name) => this.#differing.get(name) === owed);
    return { removed: gone.filter((name) => !unresolved.includes(name)), unresolved };
  }

  /**
   * What there is to say of names that were asked for and do not exist. They are in
   * removed_resources as well, for clients that do not read resource_errors.
   * https://github.com/cncf/xds/blob/main/proposals/TP3-xds-error-propagation.md
   */
  #problems(
    removed: readonly string[],
    whyMissing: NextOptions['whyMissing'],
  ): ReadonlyMap<string, ResourceProblem> | undefined {
    return (
      whyMissing &&
      problemsOf(
        removed.filter((name) => this.#names.has(name)),
        whyMissing,
      )
    );
  }

  *#interesting(): Iterable<TypedResource> {
    if (this.#wildcard) {
      yield* this.#base.resources.values();
      return;
    }
    for (const name of this.#names) {
      const resource = resourceNamed(this.#base, name);
      if (resource !== undefined) {
        yield resource;
      }
    }
  }

  #isCurrent({ name, version }: TypedResource): boolean {
    return this.#heldOf(name) === version && resourceNamed(this.#base, name)?.version === version;
  }
}
