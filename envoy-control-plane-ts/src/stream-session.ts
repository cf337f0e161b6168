import { HeartbeatTimer } from './heartbeat-timer.js';
import { callHook, type Hooks, type StreamInfo } from './hooks.js';
import { phaseOf, placeAmongRemovals, placeInPhase, updatePhases } from './ordering.js';
import { PhaseGate } from './phase-gate.js';
import type { PushQueue, PushTurn } from './push-queue.js';
import { referencesOf } from './references.js';
import type { TypedResource } from './resource.js';
import type { ResourceSet } from './resource-set.js';
import type { ResourceSource, Watch } from './resource-source.js';
import type { ResponseEncoder } from './response-encoder.js';
import { type NodeSummary, type TypeStatus, TypeStatusBoard } from './status.js';
import type { Answer, NextOptions, Subscription, Update } from './subscription.js';
import { TypeUrl } from './type-url.js';

export interface SessionOptions<Request> {
  readonly subscription: (typeUrl: TypeUrl) => Subscription<Request>;
  readonly encoder: ResponseEncoder;
  readonly pushes: PushQueue;
  readonly stream: StreamInfo;
  readonly source: ResourceSource;
  /** The name by which the source knows what this client may see. */
  readonly group: string;
  readonly hooks: Hooks;
  /** Writes one message; calls `flushed` when the transport can take the next. */
  readonly write: (message: Buffer, flushed: () => void) => void;
  /** Told what went wrong in a push, which nobody else waits for. */
  readonly failed: (error: unknown) => void;
  readonly responseBytesMax: number;
  /** How long a phase may wait for the client's answers before the next begins anyway. */
  readonly phaseWaitMs: number;
}

interface TypeState<Request> {
  readonly typeUrl: TypeUrl;
  readonly subscription: Subscription<Request>;
  readonly board: TypeStatusBoard;
  readonly updates: NextOptions;
  readonly removals: NextOptions;
  /** The set that was looked at last. */
  seen: ResourceSet | undefined;
}

interface Due<Request> {
  readonly state: TypeState<Request>;
  readonly update: Update;
}

/**
 * One client's stream: feeds requests to the subscriptions of each type and sends what they have to
 * say, in order, one message at a time. Nothing is queued: a message is made from the newest
 * resources at the moment when the transport can take it, so a slow client skips states instead of
 * piling them up.
 */
export class StreamSession<Request> {
  readonly #options: SessionOptions<Request>;
  readonly #types = new Map<TypeUrl, TypeState<Request>>();
  /** The same, in the order of `updatePhases`, and then those of which no order is known. */
  readonly #phases: readonly TypeState<Request>[][] = [...updatePhases.map(() => []), []];
  /** The same, in the order of `removalOrder`; those of which no order is known go first. */
  readonly #removals: TypeState<Request>[] = [];
  readonly #watch: Watch;
  readonly #turn: PushTurn;
  /** Clusters that were sent before the client asked for endpoints: theirs must follow. */
  #clustersDue: readonly TypedResource[] = [];
  /** Route configurations that have just been sent, and whose virtual hosts come on demand. */
  readonly #virtualHostsDue = new Set<string>();
  #nonce = 0;
  #writing = false;
  #closed = false;
  /** Nothing is due, and nothing is held back: only news can change that. */
  #idle = false;
  #summary: NodeSummary | undefined;
  readonly #push = () => {
    this.#idle = false;
    try {
      this.#flush();
    } catch (error) {
      this.#options.failed(error);
    }
  };
  readonly #gates: readonly PhaseGate[];
  readonly #heartbeats = new HeartbeatTimer(() => this.#heartbeat());
  /** Types of which the times to live are to be renewed now. */
  readonly #heartbeatsDue = new Set<TypeUrl>();

  constructor(options: SessionOptions<Request>) {
    this.#options = options;
    this.#gates = this.#phases.map(() => new PhaseGate(options.phaseWaitMs, this.#push));
    this.#turn = options.pushes.turn(this.#push);
    this.#watch = options.source.watch(options.group, () => this.#turn.due());
  }

  get nodeId(): string {
    return this.#options.stream.node.id;
  }

  get group(): string {
    return this.#options.group;
  }

  get stream(): StreamInfo {
    return this.#options.stream;
  }

  request(typeUrl: TypeUrl, request: Request): void {
    const { hooks, stream } = this.#options;
    this.#summary = undefined;
    const state = this.#type(typeUrl);
    const { namesVersion } = state.subscription;
    const answers = state.subscription.apply(request);
    if (state.subscription.namesVersion !== namesVersion) {
      this.#watch.interest?.(typeUrl, state.subscription.names());
    }
    this.#idle &&= state.subscription.settled;
    if (this.#clustersDue.length > 0 && typeUrl === TypeUrl.Endpoint) {
      this.#renewDueEndpoints(state);
    }
    this.#beginDueVirtualHosts();
    const now = Date.now();
    for (const answer of answers) {
      state.board.answered(answer, now);
      this.#report(typeUrl, answer);
    }
    if (hooks.request !== undefined) {
      callHook(hooks.request, { stream, typeUrl, names: state.subscription.names() });
    }
    if (answers.length > 0) {
      this.#statusChanged(typeUrl);
    }
    this.#flush();
  }

  /** How many names are subscribed to, of all types. */
  nameCount(): number {
    let count = 0;
    for (const { subscription } of this.#types.values()) {
      count += subscription.names().length;
    }
    return count;
  }

  status(): TypeStatus[] {
    return [...this.#types].map(([typeUrl, { subscription, board }]) => ({
      typeUrl,
      subscribed: subscription.names(),
      resources: board.resources(),
    }));
  }

  /** The same object until something happens. */
  summary(): NodeSummary {
    this.#summary ??= {
      nodeId: this.nodeId,
      streamId: this.stream.streamId,
      types: this.#removals.map(({ subscription, board }) =>
        board.summary(
          (name) => subscription.asksFor(name),
          subscription.namesVersion,
          subscription.awaitsAnswer,
        ),
      ),
    };
    return this.#summary;
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#turn.close();
    this.#heartbeats.stop();
    for (const gate of this.#gates) {
      gate.close();
    }
  }

  #flush(): void {
    if (this.#idle || this.#writing || this.#closed) {
      return;
    }
    const due = this.#heartbeatDue() ?? this.#due();
    if (due === undefined) {
      return;
    }
    const { state } = due;
    const { typeUrl } = state;
    const { hooks, stream, encoder, write } = this.#options;
    const encoded = encoder.encode(typeUrl, due.update, this.#nonce);
    this.#nonce = encoded.nonce;
    const nonce = String(encoded.nonce);
    // The one that all streams share which are sent the same.
    const { update } = encoded;
    const news = isFollowed(typeUrl) ? state.board.news(update) : [];
    this.#summary = undefined;
    state.subscription.sent(update, nonce);
    state.board.sent(update, Date.now());
    this.#writing = true;
    write(encoded.bytes, () => {
      this.#writing = false;
      if (!this.#idle) {
        this.#push();
      }
    });
    this.#heartbeats.follow(update.resources);
    if (typeUrl === TypeUrl.Cluster) {
      this.#renewEndpoints(news);
    } else if (typeUrl === TypeUrl.Route) {
      this.#beginVirtualHosts(news);
    }
    // In a wave to all streams most are done with it, and look no further when the answer comes.
    this.#idle = this.#isSettled();
    const { length: bytes } = encoded.bytes;
    callHook(hooks.responded, { stream, typeUrl, nonce, update, bytes });
    this.#statusChanged(typeUrl);
  }

  /**
   * A cluster that Envoy updates is only ready when "a new ClusterLoadAssignment response is supplied
   * by management server even though there is no change in endpoints", but Envoy does not ask for it
   * again: without this it waits until its initial_fetch_timeout, 15 s.
   * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-warming
   */
  #renewEndpoints(clusters: readonly TypedResource[]): void {
    const endpoints = this.#types.get(TypeUrl.Endpoint);
    if (endpoints !== undefined) {
      this.#sendAgain(endpoints, clusters);
    } else if (this.#clustersDue.length === 0) {
      this.#clustersDue = clusters;
    } else {
      const newer = new Set(clusters.map(({ name }) => name));
      const known = this.#options.source.get(this.#options.group, TypeUrl.Cluster)?.resources;
      const older = this.#clustersDue.filter(({ name }) => !newer.has(name) && known?.has(name));
      this.#clustersDue = [...older, ...clusters];
    }
  }

  /**
   * Envoy uses a route configuration with virtual hosts on demand when it has heard of these for the
   * first time, and waits for it for its initial_fetch_timeout; but at first it asks for none, and an
   * empty answer is lost. So it is told of one that does not exist.
   */
  #beginVirtualHosts(routes: readonly TypedResource[]): void {
    for (const { name } of routes.flatMap(referencesOf)) {
      this.#virtualHostsDue.add(name);
    }
    this.#beginDueVirtualHosts();
  }

  #beginDueVirtualHosts(): void {
    const hosts = this.#types.get(TypeUrl.VirtualHost);
    if (this.#virtualHostsDue.size > 0 && hosts !== undefined) {
      this.#idle = false;
      for (const name of this.#virtualHostsDue) {
        hosts.subscription.sayAbsent(name);
      }
      this.#virtualHostsDue.clear();
    }
  }

  /**
   * After a reconnect the clusters may be sent before the client has said which endpoints it holds;
   * what is due is due then. A client that holds none is sent all that it asks for anyway.
   */
  #renewDueEndpoints(endpoints: TypeState<Request>): void {
    if (!endpoints.subscription.holdsNothing) {
      this.#sendAgain(endpoints, this.#clustersDue);
    }
    this.#clustersDue = [];
  }

  #sendAgain(endpoints: TypeState<Request>, clusters: readonly TypedResource[]): void {
    const names = clusters.flatMap(referencesOf).map(({ name }) => name);
    if (names.length > 0) {
      this.#idle = false;
      endpoints.subscription.sendAgain(names);
    }
  }

  #heartbeat(): void {
    for (const [typeUrl, { subscription }] of this.#types) {
      if (subscription.heartbeat() !== undefined) {
        this.#heartbeatsDue.add(typeUrl);
      }
    }
    if (this.#heartbeatsDue.size === 0) {
      this.#heartbeats.stop();
    }
    this.#push();
  }

  #heartbeatDue(): Due<Request> | undefined {
    for (const typeUrl of this.#heartbeatsDue) {
      this.#heartbeatsDue.delete(typeUrl);
      const state = this.#types.get(typeUrl);
      const update = state?.subscription.heartbeat();
      if (state !== undefined && update !== undefined) {
        return { state, update };
      }
    }
    return undefined;
  }

  /** The first thing that may be sent now: see `updatePhases` and `removalOrder`. */
  #due(): Due<Request> | undefined {
    for (let index = 0; index < this.#phases.length; index++) {
      const phase = this.#phases[index] ?? [];
      let waiting = false;
      for (const state of phase) {
        const update = this.#next(state, state.updates);
        if (update !== undefined) {
          return { state, update };
        }
        waiting ||= state.subscription.awaitsAnswer;
      }
      if (this.#gates[index]?.holds(waiting)) {
        return undefined;
      }
    }
    let idle = true;
    for (const state of this.#removals) {
      const update = this.#next(state, state.removals);
      if (update !== undefined) {
        return { state, update };
      }
      idle &&= state.subscription.settled;
    }
    this.#idle = idle;
    return undefined;
  }

  /** Whether no type has anything to say, and no phase is held back. */
  #isSettled(): boolean {
    const { source, group } = this.#options;
    return (
      this.#heartbeatsDue.size === 0 &&
      this.#gates.every(({ isOpen }) => isOpen) &&
      this.#removals.every(
        ({ typeUrl, subscription, seen }) =>
          subscription.settled && source.get(group, typeUrl) === seen,
      )
    );
  }

  #next(state: TypeState<Request>, options: NextOptions): Update | undefined {
    const { typeUrl, subscription, seen } = state;
    const set = this.#options.source.get(this.#options.group, typeUrl);
    if (set === undefined || (set === seen && subscription.settled)) {
      return undefined;
    }
    if (seen === undefined) {
      this.#adopt(state, set);
    }
    state.seen = set;
    return subscription.next(set, options);
  }

  #adopt({ typeUrl, subscription, board }: TypeState<Request>, set: ResourceSet): void {
    const adopted = subscription.adopt(set);
    if (adopted.length > 0) {
      this.#summary = undefined;
      board.adopted(adopted, Date.now());
      this.#heartbeats.follow(adopted);
      this.#statusChanged(typeUrl);
    }
  }

  #type(typeUrl: TypeUrl): TypeState<Request> {
    const known = this.#types.get(typeUrl);
    if (known !== undefined) {
      return known;
    }
    const { subscription, source, group, responseBytesMax: maxBytes } = this.#options;
    const why = source.whyMissing && {
      whyMissing: (name: string) => source.whyMissing?.(group, typeUrl, name),
    };
    const state: TypeState<Request> = {
      typeUrl,
      subscription: subscription(typeUrl),
      board: new TypeStatusBoard(typeUrl),
      updates: { removals: false, maxBytes, ...why },
      removals: { removals: true, maxBytes, ...why },
      seen: undefined,
    };
    this.#types.set(typeUrl, state);
    insert(this.#phases[phaseOf(typeUrl)] ?? [], state, placeInPhase);
    insert(this.#removals, state, placeAmongRemovals);
    return state;
  }

  #report(typeUrl: TypeUrl, answer: Answer): void {
    const { hooks, stream } = this.#options;
    const event = { stream, typeUrl, nonce: answer.nonce, update: answer.update };
    if (answer.kind === 'ack') {
      callHook(hooks.acked, event);
    } else {
      const { rejection, retried } = answer;
      callHook(hooks.nacked, { ...event, rejection, retried });
    }
  }

  #statusChanged(typeUrl: TypeUrl): void {
    callHook(this.#options.hooks.statusChanged, { nodeId: this.nodeId, typeUrl });
  }
}

/** Whether what is sent of a type makes something of another type due. */
function isFollowed(typeUrl: TypeUrl): boolean {
  return typeUrl === TypeUrl.Cluster || typeUrl === TypeUrl.Route;
}

function insert<State extends { readonly typeUrl: TypeUrl }>(
  states: State[],
  state: State,
  place: (typeUrl: TypeUrl) => number,
): void {
  const at = states.findIndex(({ typeUrl }) => place(typeUrl) > place(state.typeUrl));
  states.splice(at === -1 ? states.length : at, 0, state);
}
