import type { TypedResource } from './resource.js';
import { versionOf } from './resource-set.js';
import type { Answer, Update } from './subscription.js';
import { isRootType, type TypeUrl } from './type-url.js';

/** One resource as one client has it. Times are milliseconds since 1970. */
export interface ResourceStatus {
  readonly name: string;
  /** The version sent last on this stream. */
  readonly sent?: { readonly version: string; readonly time: number };
  /** The version that the client uses, as far as it has said. */
  readonly acked?: { readonly version: string; readonly time: number };
  /** Set while the version that was sent last is rejected; the acked one then stays in use. */
  readonly nack?: { readonly version: string; readonly detail: string; readonly time: number };
}

export interface TypeStatus {
  readonly typeUrl: TypeUrl;
  /** Names asked for; '*' among them for a wildcard. */
  readonly subscribed: readonly string[];
  readonly resources: readonly ResourceStatus[];
}

/** A resource that a client refused, and has not been sent in another version since. */
export interface RejectedResource {
  readonly name: string;
  readonly version: string;
  readonly detail: string;
  readonly time: number;
}

/** What a client has of one type, without the single resources: cheap enough to ask after each answer. */
export interface TypeSummary {
  readonly typeUrl: TypeUrl;
  /** The version of the set of all resources that it uses, comparable with `ResourceSet.version`. */
  readonly ackedVersion: string;
  /** When it was last sent something on this stream; undefined if never. */
  readonly sentAt: number | undefined;
  /** When it last acknowledged something; undefined if never. */
  readonly ackedAt: number | undefined;
  readonly rejected: readonly RejectedResource[];
  /** Whether a response waits for its answer. */
  readonly awaitsAnswer: boolean;
}

/** One open stream of a node. */
export interface NodeSummary {
  readonly nodeId: string;
  readonly streamId: number;
  readonly types: readonly TypeSummary[];
}

/** One open stream of a node. */
export interface NodeStatus {
  readonly nodeId: string;
  readonly streamId: number;
  readonly variant: 'sotw' | 'delta';
  readonly types: readonly TypeStatus[];
}

/** When something happened to all resources of a response; shared, since there are many. */
interface Moment {
  readonly time: number;
}

/** A resource at a client. One small object of a fixed shape each: there is one for every stream. */
class Entry {
  sent: TypedResource | undefined = undefined;
  sentAt: Moment | undefined = undefined;
  acked: TypedResource | undefined = undefined;
  ackedAt: Moment | undefined = undefined;
  nack: ResourceStatus['nack'] = undefined;
}

/** What a client was sent first, all in one response: most of it stays as it is for long. */
interface FirstResponse {
  readonly resources: readonly TypedResource[];
  readonly byName: ReadonlyMap<string, TypedResource>;
  readonly sentAt: Moment;
  ackedAt: Moment | undefined;
}

const namesKnown = new WeakMap<readonly TypedResource[], ReadonlyMap<string, TypedResource>>();

/** Made once for all streams that are sent the same resources. */
function byNameOf(resources: readonly TypedResource[]): ReadonlyMap<string, TypedResource> {
  const known = namesKnown.get(resources);
  if (known !== undefined) {
    return known;
  }
  const byName = new Map(resources.map((resource) => [resource.name, resource]));
  namesKnown.set(resources, byName);
  return byName;
}

/**
 * Keeps the status of every resource of one type on one stream. What has not changed since the first
 * response costs nothing for each stream.
 */
export class TypeStatusBoard {
  #first: FirstResponse | undefined;
  /** What is otherwise than in the first response; `undefined`: the client no longer has it. */
  readonly #byName = new Map<string, Entry | undefined>();
  /** Kept, since summaries are asked for far more often than something happens. */
  #summary: { readonly namesVersion: number; readonly is: TypeSummary } | undefined;

  constructor(private readonly typeUrl: TypeUrl) {}

  /** The client holds these by its own word. */
  adopted(resources: readonly TypedResource[], time: number): void {
    this.#summary = undefined;
    const at = { time };
    for (const resource of resources) {
      const entry = this.#entry(resource.name);
      entry.acked = resource;
      entry.ackedAt = at;
    }
  }

  /** Those of an update that the client has not been sent, and has not said to hold, as they are. */
  news(update: Update): readonly TypedResource[] {
    if (this.#first === undefined && this.#byName.size === 0) {
      return update.resources;
    }
    return update.resources.filter(({ name, version }) => {
      const { sent, acked } = this.#get(name) ?? {};
      return (sent ?? acked)?.version !== version;
    });
  }

  sent({ resources, removed }: Update, time: number): void {
    this.#summary = undefined;
    const at = { time };
    if (this.#first === undefined && this.#byName.size === 0) {
      this.#first = { resources, byName: byNameOf(resources), sentAt: at, ackedAt: undefined };
      return;
    }
    for (const resource of resources) {
      const entry = this.#entry(resource.name);
      entry.sent = resource;
      entry.sentAt = at;
      if (entry.nack?.version !== resource.version) {
        entry.nack = undefined;
      }
    }
    for (const name of removed) {
      if (this.#first?.byName.has(name)) {
        this.#byName.set(name, undefined);
      } else {
        this.#byName.delete(name);
      }
    }
    this.#letGoOfFirst();
  }

  /** Once most of it is otherwise, the first response would only keep old resources alive. */
  #letGoOfFirst(): void {
    const first = this.#first;
    if (first === undefined || this.#byName.size * 2 < first.resources.length) {
      return;
    }
    const entries = [...this.#entries()];
    this.#first = undefined;
    this.#byName.clear();
    for (const [name, entry] of entries) {
      this.#byName.set(name, entry);
    }
  }

  answered(answer: Answer, time: number): void {
    this.#summary = undefined;
    if (answer.kind === 'ack') {
      this.#acked(answer.update.resources, time);
    } else if (!answer.retried) {
      this.#nacked(answer.update.resources, answer.rejection.message, time);
    }
  }

  #get(name: string): Entry | undefined {
    const entry = this.#byName.get(name);
    if (entry !== undefined || this.#first === undefined || this.#byName.has(name)) {
      return entry;
    }
    const resource = this.#first.byName.get(name);
    return resource && firstEntry(resource, this.#first);
  }

  /** To be written to. */
  #entry(name: string): Entry {
    const known = this.#byName.get(name);
    if (known !== undefined) {
      return known;
    }
    const entry = this.#get(name) ?? new Entry();
    this.#byName.set(name, entry);
    return entry;
  }

  *#entries(): Iterable<[name: string, entry: Entry]> {
    for (const { name } of this.#first?.resources ?? []) {
      const entry = this.#get(name);
      if (entry !== undefined) {
        yield [name, entry];
      }
    }
    for (const [name, entry] of this.#byName) {
      if (entry !== undefined && !this.#first?.byName.has(name)) {
        yield [name, entry];
      }
    }
  }

  #acked(resources: readonly TypedResource[], time: number): void {
    const at = { time };
    const isFirst = this.#first?.resources === resources;
    if (this.#first !== undefined && isFirst) {
      this.#first.ackedAt = at;
      if (this.#byName.size === 0) {
        return;
      }
    }
    for (const resource of resources) {
      if (this.#get(resource.name) === undefined || (isFirst && !this.#byName.has(resource.name))) {
        continue;
      }
      const entry = this.#entry(resource.name);
      entry.acked = resource;
      entry.ackedAt = at;
      if (entry.nack?.version === resource.version) {
        entry.nack = undefined;
      }
    }
  }

  #nacked(resources: readonly TypedResource[], detail: string, time: number): void {
    const blamed = this.#blamed(resources, detail);
    for (const { name, version } of blamed) {
      if (this.#get(name)?.sent?.version === version) {
        this.#entry(name).nack = { version, detail, time };
      }
    }
    if (blamed.some(({ name }) => mentions(detail, name))) {
      this.#acked(
        resources.filter((resource) => !blamed.includes(resource)),
        time,
      );
    }
  }

  /**
   * A state-of-the-world response of clusters or listeners is rejected as a whole although Envoy
   * (and gRPC) take the good ones in it. Blamed are those that the client has not accepted before
   * and, if its text names some of them, only these; the others then count as accepted.
   */
  #blamed(resources: readonly TypedResource[], detail: string): readonly TypedResource[] {
    if (resources.length < 2 || !isRootType(this.typeUrl)) {
      return resources;
    }
    const unproven = resources.filter(
      ({ name, version }) => this.#get(name)?.acked?.version !== version,
    );
    const named = unproven.filter(({ name }) => mentions(detail, name));
    return named.length > 0 ? named : unproven;
  }

  /**
   * @param asksFor whether the client asks for a name now; what it no longer asks for it no longer
   * has, whatever it acknowledged before
   * @param namesVersion differs when the names do
   */
  summary(
    asksFor: (name: string) => boolean,
    namesVersion: number,
    awaitsAnswer: boolean,
  ): TypeSummary {
    const kept = this.#summary;
    if (kept?.namesVersion === namesVersion && kept.is.awaitsAnswer === awaitsAnswer) {
      return kept.is;
    }
    const is = this.#summarize(asksFor, awaitsAnswer);
    this.#summary = { namesVersion, is };
    return is;
  }

  #summarize(asksFor: (name: string) => boolean, awaitsAnswer: boolean): TypeSummary {
    const acked: TypedResource[] = [];
    const rejected: RejectedResource[] = [];
    let sentAt: number | undefined;
    let ackedAt: number | undefined;
    for (const [name, entry] of this.#entries()) {
      if (!asksFor(name)) {
        continue;
      }
      if (entry.sentAt !== undefined) {
        sentAt = Math.max(sentAt ?? 0, entry.sentAt.time);
      }
      if (entry.acked !== undefined) {
        acked.push(entry.acked);
        ackedAt = Math.max(ackedAt ?? 0, entry.ackedAt?.time ?? 0);
      }
      if (entry.nack !== undefined) {
        rejected.push({ name, ...entry.nack });
      }
    }
    const ackedVersion = versionOf(acked);
    return { typeUrl: this.typeUrl, ackedVersion, sentAt, ackedAt, rejected, awaitsAnswer };
  }

  /** A copy of what is known, as plain data. */
  resources(): ResourceStatus[] {
    return Array.from(this.#entries(), ([name, { sent, sentAt, acked, ackedAt, nack }]) => ({
      name,
      ...(sent && sentAt && { sent: { version: sent.version, time: sentAt.time } }),
      ...(acked && ackedAt && { acked: { version: acked.version, time: ackedAt.time } }),
      ...(nack && { nack }),
    }));
  }
}

function firstEntry(resource: TypedResource, { sentAt, ackedAt }: FirstResponse): Entry {
  const entry = new Entry();
  entry.sent = resource;
  entry.sentAt = sentAt;
  if (ackedAt !== undefined) {
    entry.acked = resource;
    entry.ackedAt = ackedAt;
  }
  return entry;
}

/** Whether a text names a resource, as Envoy does: `Error adding/updating cluster(s) a: …, b: …`. */
function mentions(detail: string, name: string): boolean {
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`(^|[\\s,'"])${literal}($|[\\s,:'"])`).test(detail);
}
