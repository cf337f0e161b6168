import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSession, type Session } from 'better-sse';

const HEARTBEAT_MS = 10_000;
/** A client that takes nothing for this long is let go; it connects again when it lives. */
const STALLED_MS = 30_000;

/** The kinds of events, in the order in which they are sent when several wait. */
const KINDS = ['graph', 'traffic'] as const;
type Kind = (typeof KINDS)[number];

/**
 * One page that listens. It is sent an event only when it has taken the one before; of what comes
 * meanwhile only the newest of each kind waits, so a slow page costs two events and gets the present
 * instead of the past.
 */
class Listener {
  readonly #waiting = new Map<Kind, string>();
  #stalled: NodeJS.Timeout | undefined;

  constructor(
    private readonly session: Session,
    private readonly response: ServerResponse,
  ) {
    response.on('drain', () => this.#sendWaiting());
  }

  offer(kind: Kind, json: string): void {
    this.#waiting.set(kind, json);
    this.#sendWaiting();
  }

  close(): void {
    clearTimeout(this.#stalled);
    this.#waiting.clear();
    this.response.destroy();
  }

  #sendWaiting(): void {
    for (const kind of KINDS) {
      if (this.response.writableNeedDrain) {
        this.#stalled ??= setTimeout(() => this.close(), STALLED_MS);
        return;
      }
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
      const json = this.#waiting.get(kind);
      if (json === undefined) continue;
      this.#waiting.delete(kind);
      this.session.push(json, kind);
    }
  }
}

/** Server-sent events to every page that listens. Each event is serialised once. */
export class EventStream {
  readonly #listeners = new Set<Listener>();

  /** @param listenersMax further pages are refused */
  constructor(private readonly listenersMax = 500) {}

  /** How many pages listen. */
  get size(): number {
    return this.#listeners.size;
  }

  get isFull(): boolean {
    return this.#listeners.size >= this.listenersMax;
  }

  /** Begins to send to a page, first the events given, until it goes. */
  async connect(
    request: IncomingMessage,
    response: ServerResponse,
    first: readonly (readonly [Kind, unknown])[],
  ): Promise<void> {
    const session = await createSession(request, response, {
      keepAlive: HEARTBEAT_MS,
      trustClientEventId: false,
      // Events come serialised.
      serializer: String,
    });
    const listener = new Listener(session, response);
    this.#listeners.add(listener);
    session.once('disconnected', () => {
      this.#listeners.delete(listener);
      listener.close();
    });
    for (const [kind, content] of first) listener.offer(kind, JSON.stringify(content));
  }

  /** Sends to all. */
  send(kind: Kind, content: unknown): void {
    if (this.#listeners.size === 0) return;
    const json = JSON.stringify(content);
    for (const listener of this.#listeners) listener.offer(kind, json);
  }

  /** Lets all pages go. */
  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }
}
