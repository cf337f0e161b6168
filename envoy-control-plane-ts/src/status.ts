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

/** Keeps the status of every resource of one type on one stream. */
export class TypeStatusBoard {
  readonly #byName = new Map<string, Entry>();
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
    return update.resources.filter(({ name, version }) => {
      const { sent, acked } = this.#byName.get(name) ?? {};
      return (sent ?? acked)?.version !== version;
    });
  }

  sent(update: Update, time: number): void {
    this.#summary = undefined;
    const at = { time };
    for (const resource of update.resources) {
      const entry = this.#entry(resource.name);
      entry.sent = resource;
      entry.sentAt = at;
      if (entry.nack?.version !== resource.version) {
        entry.nack = undefined;
      }
    }
    for (const name of update.removed) {
      this.#byName.delete(name);
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

  #entry(name: string): Entry {
    const known = this.#byName.get(name);
    if (known !== undefined) {
      return known;
    }
    const entry = new Entry();
    this.#byName.set(name, entry);
    return entry;
  }

  #acked(resources: readonly TypedResource[], time: number): void {
    const at = { time };
    for (const resource of resources) {
      const entry = this.#byName.get(resource.name);
      if (entry === undefined) {
        continue;
      }
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
      const entry = this.#byName.get(name);
      if (entry?.sent?.version === version) {
        entry.nack = { version, detail, time };
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
      ({ name, version }) => this.#byName.get(name)?.acked?.version !== version,
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
    for (const [name, entry] of this.#byName) {
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
    return Array.from(this.#byName, ([name, { sent, sentAt, acked, ackedAt, nack }]) => ({
      name,
      ...(sent && sentAt && { sent: { version: sent.version, time: sentAt.time } }),
      ...(acked && ackedAt && { acked: { version: acked.version, time: ackedAt.time } }),
      ...(nack && { nack }),
    }));
  }
}

/** Whether a text names a resource, as Envoy does: `Error adding/updating cluster(s) a: …, b: …`. */
function mentions(detail: string, name: string): boolean {
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`(^|[\\s,'"])${literal}($|[\\s,:'"])`).test(detail);
}
