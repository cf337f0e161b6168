import type { TypedResource } from './resource.js';
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

/** One open stream of a node. */
export interface NodeStatus {
  readonly nodeId: string;
  readonly streamId: number;
  readonly variant: 'sotw' | 'delta';
  readonly types: readonly TypeStatus[];
}

/** Keeps the status of every resource of one type on one stream. */
export class TypeStatusBoard {
  readonly #byName = new Map<string, ResourceStatus>();

  constructor(private readonly typeUrl: TypeUrl) {}

  /** The client holds these by its own word. */
  adopted(resources: readonly TypedResource[], time: number): void {
    for (const { name, version } of resources) {
      this.#byName.set(name, { name, acked: { version, time } });
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
    for (const { name, version } of update.resources) {
      const before = this.#byName.get(name);
      const { nack, ...rest } = before ?? { name };
      const kept = nack?.version === version ? { nack } : {};
      this.#byName.set(name, { ...rest, ...kept, sent: { version, time } });
    }
    for (const name of update.removed) {
      this.#byName.delete(name);
    }
  }

  answered(answer: Answer, time: number): void {
    if (answer.kind === 'ack') {
      this.#acked(answer.update.resources, time);
    } else if (!answer.retried) {
      this.#nacked(answer.update.resources, answer.rejection.message, time);
    }
  }

  #acked(resources: readonly TypedResource[], time: number): void {
    for (const { name, version } of resources) {
      const before = this.#byName.get(name);
      if (before === undefined) {
        continue;
      }
      const { nack, ...rest } = before;
      const kept = nack !== undefined && nack.version !== version ? { nack } : {};
      this.#byName.set(name, { ...rest, ...kept, acked: { version, time } });
    }
  }

  #nacked(resources: readonly TypedResource[], detail: string, time: number): void {
    const blamed = this.#blamed(resources, detail);
    for (const { name, version } of blamed) {
      const before = this.#byName.get(name);
      if (before?.sent?.version === version) {
        this.#byName.set(name, { ...before, nack: { version, detail, time } });
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

  /** A copy of what is known, as plain data. */
  resources(): ResourceStatus[] {
    return [...this.#byName.values()];
  }
}

/** Whether a text names a resource, as Envoy does: `Error adding/updating cluster(s) a: …, b: …`. */
function mentions(detail: string, name: string): boolean {
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`(^|[\\s,'"])${literal}($|[\\s,:'"])`).test(detail);
}
