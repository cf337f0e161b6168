import { makeRevision, type Revision } from '@dotline/model/revision';
import { inStoreSpan } from '@dotline/platform-process/span';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { CompiledMesh } from './compiled-mesh.js';
import { untilDatabaseAnswers } from './database.js';
import {
  type LiveRevision,
  publishRevision,
  readLivePointer,
  readLiveRevision,
} from './revision-store.js';

/**
 * The revision that is enforced now. PostgreSQL has the truth; this process keeps a copy, so that
 * sidecars are served while PostgreSQL is away. Changes are taken one after the other.
 */
export class LiveMesh {
  #current: LiveRevision | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #refreshQueued = false;
  readonly #abort = new AbortController();

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: Logger,
    /** Called with each revision that goes live, and with a live one whose commit changed. */
    private readonly changed: (live: LiveRevision, before: LiveRevision | undefined) => void,
  ) {}

  get current(): LiveRevision | undefined {
    return this.#current;
  }

  /**
   * Makes a compiled mesh the live revision; waits for PostgreSQL while it is away, unless
   * `superseded` says that there is a newer one.
   * @returns `undefined` when it was superseded
   */
  publish(compiled: CompiledMesh, superseded: () => boolean): Promise<LiveRevision | undefined> {
    return this.#inTurn(() =>
      untilDatabaseAnswers('storing a revision', this.log, this.#abort.signal, async () => {
        if (superseded()) return undefined;
        const revision = this.#revisionOf(compiled);
        const { relations, findings } = compiled;
        // The same as before, so nothing is written: the usual case at a restart.
        if (this.#current !== undefined && isSame(this.#current.revision, revision)) {
          return this.#current;
        }
        const live = await inStoreSpan('postgresql', 'publish', () =>
          publishRevision(this.pool, { revision, relations, findings }),
        );
        this.#set(live);
        return live;
      }),
    );
  }

  /** Takes over what another replica made live. Does nothing while a change is being taken. */
  async refresh(): Promise<void> {
    if (this.#refreshQueued) return;
    this.#refreshQueued = true;
    await this.#inTurn(async () => {
      this.#refreshQueued = false;
      const pointer = await readLivePointer(this.pool);
      if (pointer === undefined || pointer.rolloutId === this.#current?.rolloutId) return;
      const live = await readLiveRevision(this.pool);
      if (live !== undefined) this.#set(live);
    });
  }

  /** Gives up what waits. */
  close(): void {
    this.#abort.abort();
  }

  #revisionOf({ mesh, edges, commit }: CompiledMesh): Revision {
    return makeRevision(
      { mesh, edges, createdAtMs: Date.now(), ...(commit === undefined ? {} : { commit }) },
      this.#current?.revision,
    );
  }

  #set(live: LiveRevision): void {
    const before = this.#current;
    this.#current = live;
    this.changed(live, before);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** The id covers all content but where it was read from and its commit. */
function isSame(a: Revision, b: Revision): boolean {
  return a.id === b.id && a.commit === b.commit && a.mesh.directory === b.mesh.directory;
}
