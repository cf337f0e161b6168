import type { TypedResource } from './resource.js';
import type { ResourceSet } from './resource-set.js';
import type { TypeUrl } from './type-url.js';

/** Why a client rejected a response (its `error_detail`). */
export interface Rejection {
  /** A google.rpc.Code. */
  readonly code: number;
  readonly message: string;
}

/** Why a client does not get what it asked for by name: a google.rpc.Code and a sentence. */
export interface ResourceProblem {
  readonly code: number;
  readonly message: string;
}

/** The content of one response, before it has a nonce. */
export interface Update {
  readonly resources: readonly TypedResource[];
  /** Names of virtual hosts that do not exist: sent as resources without content. */
  readonly unresolved?: readonly string[];
  /** Only the time to live of the resources is renewed; they are sent without their content. */
  readonly heartbeat?: true;
  /** By name, for names that the client asked for. */
  readonly problems?: ReadonlyMap<string, ResourceProblem>;
  /** Names that the client loses with this response. */
  readonly removed: readonly string[];
  /** The version of the type as a whole. */
  readonly version: string;
}

/** A client's word on a response that it was sent. */
export type Answer =
  | { readonly kind: 'ack'; readonly nonce: string; readonly update: Update }
  | {
      readonly kind: 'nack';
      readonly nonce: string;
      readonly update: Update;
      readonly rejection: Rejection;
      /**
       * True when the response is about to be sent again in parts to find out which resource was
       * meant; the answers to the parts say it.
       */
      readonly retried: boolean;
    };

export interface NextOptions {
  /**
   * Whether resources that are gone may be taken from the client now. Make before break: they stay
   * until everything that may refer to them has been replaced. Names that the client has asked for
   * and that do not exist are answered at once, whatever this says.
   */
  readonly removals: boolean;
  /** A response holds at least one resource and, if it can be split, not more bytes than this. */
  readonly maxBytes: number;
  /** Says why there is no resource of a name, if there is more to say than that. */
  readonly whyMissing?: (name: string) => ResourceProblem | undefined;
}

/**
 * What the server knows about one client's subscription to one type on one stream. Pure state: no
 * clock, no I/O. Whoever owns it feeds it requests, asks what is to be sent, and reports what was.
 */
export interface Subscription<Request> {
  readonly typeUrl: TypeUrl;
  /** Takes in a request; returns the answers that it carries for earlier responses. */
  apply(request: Request): readonly Answer[];
  /**
   * Resources that the client already holds by its own word, out of what is to be offered. To be
   * called once, before the first `next`.
   */
  adopt(set: ResourceSet): readonly TypedResource[];
  /** What is to be sent now, or undefined when there is nothing. */
  next(set: ResourceSet, options: NextOptions): Update | undefined;
  /** True when nothing can be due until the resources change or a request arrives. */
  readonly settled: boolean;
  /**
   * The resources with a time to live that the client holds as they are, as an update that renews
   * it; undefined when there are none.
   */
  heartbeat(): Update | undefined;
  /** Nothing of the type has been sent, and the client has not said that it holds something. */
  readonly holdsNothing: boolean;
  /** Records that the update that `next` has just given, or an equal one, went out under a nonce. */
  sent(update: Update, nonce: string): void;
  /**
   * Has these names sent again, as far as the client subscribes to them and they exist, although
   * they have not changed.
   */
  sendAgain(names: Iterable<string>): void;
  /** Has the client told, if the protocol can, that there is no resource of this name. */
  sayAbsent(name: string): void;
  /** Whether a response waits for the client's answer. */
  readonly awaitsAnswer: boolean;
  /** Changes when the names do. */
  readonly namesVersion: number;
  /** Whether the client asks for this name now, by itself or with a wildcard. */
  asksFor(name: string): boolean;
  /** The names that the client has asked for; '*' among them for a wildcard. */
  names(): string[];
}

/** What there is to say of these names; undefined when nothing. */
export function problemsOf(
  names: readonly string[],
  whyMissing: (name: string) => ResourceProblem | undefined,
): ReadonlyMap<string, ResourceProblem> | undefined {
  const problems = new Map<string, ResourceProblem>();
  for (const name of names) {
    const problem = whyMissing(name);
    if (problem !== undefined) {
      problems.set(name, problem);
    }
  }
  return problems.size === 0 ? undefined : problems;
}
