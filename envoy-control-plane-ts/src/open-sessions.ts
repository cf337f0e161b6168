import type { StreamSession } from './stream-session.js';

type Session = Pick<StreamSession<never>, 'nodeId' | 'group' | 'stream' | 'status' | 'summary'>;

/** The streams that have been let in, by node. */
export class OpenSessions {
  readonly #byNode = new Map<string, Set<Session>>();

  /** Returns how to take it out again. */
  add(session: Session): () => void {
    const { nodeId } = session;
    const sessions = this.#byNode.get(nodeId) ?? new Set();
    this.#byNode.set(nodeId, sessions.add(session));
    return () => {
      sessions.delete(session);
      if (sessions.size === 0 && this.#byNode.get(nodeId) === sessions) {
        this.#byNode.delete(nodeId);
      }
    };
  }

  /** Those of one node, or of all. */
  list(nodeId?: string): Iterable<Session> {
    return nodeId === undefined ? this.#all() : (this.#byNode.get(nodeId) ?? []);
  }

  *#all(): Iterable<Session> {
    for (const sessions of this.#byNode.values()) {
      yield* sessions;
    }
  }
}
