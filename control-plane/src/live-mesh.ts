import { makeRevision, type Revision } from '@dotline/model/revision';
import { inStoreSpan } from '@dotline/platform-process/span';
import { withoutDocument } from '@dotline/policies/compiled-request-policy';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Actor } from './audit-chain.js';
import { commitsOfChange } from './audit-published-details.js';
import type { CompiledMesh } from './compiled-mesh.js';
import { untilDatabaseAnswers } from './database.js';
import { CommitAuthors } from './git-checkout.js';
import { pusherOf } from './mesh-source/pusher-note.js';
import { writeRequestPolicies } from './request-policy-store.js';
import {
  type LiveRevision,
  publishRevision,
  readLivePointer,
  readLiveRevision,
  unpinned,
} from './revision-store.js';
import { type RollbackOrder, releaseRollback, rollBackRevision } from './rollback.js';
import { RollbackError } from './rollback-error.js';

/**
 * The revision that is enforced now. PostgreSQL has the truth; this process keeps a copy, so that
 * sidecars are served while PostgreSQL is away. Changes are taken one after the other.
 */
export class LiveMesh {
  #current: LiveRevision | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #refreshQueued = false;
  /** Id of what the mesh directory had when it was published last. */
  #offered: string | undefined;
  readonly #authors = new CommitAuthors();
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
   * `superseded` says that there is a newer one. While a rollback is pinned, what still has the change
   * that was rolled back is held, and anything else ends the pin.
   * @returns the live revision, which of a held-back mesh is another one; `undefined` when superseded
   */
  publish(compiled: CompiledMesh, superseded: () => boolean): Promise<LiveRevision | undefined> {
    return this.#inTurn(() =>
      untilDatabaseAnswers('storing a revision', this.log, this.#abort.signal, async () => {
        if (superseded()) return undefined;
        const revision = this.#revisionOf(compiled);
        const { relations, findings } = compiled;
        const before = this.#current;
        const directoryChanged = this.#offered !== undefined && this.#offered !== revision.id;
        const endsPin = directoryChanged && before?.rollback?.pinned === true;
        // The same as before, so nothing is written: the usual case at a restart.
        if (before !== undefined && isSame(before.revision, revision) && !endsPin) {
          this.#offered = revision.id;
          this.#learnAuthors(revision);
          return before;
        }
        const commits = commitsOfChange(revision, before?.revision);
        const [authors, pusher] = await Promise.all([
          this.#authors.of(revision.mesh.directory, commits),
          revision.commit === undefined
            ? undefined
            : pusherOf(revision.mesh.directory, revision.commit),
        ]);
        // Before any sidecar can ask by them.
        await writeRequestPolicies(this.pool, compiled.requestPolicies);
        const live = await inStoreSpan('postgresql', 'publish', () =>
          publishRevision(
            this.pool,
            { revision, relations, findings },
            { authors, pusher, directoryChanged, known: before?.revision },
          ),
        );
        if (live.revision.id !== revision.id) this.#logHeldBack(revision, live);
        this.#offered = revision.id;
        this.#set(live);
        this.#learnAuthors(revision);
        return live;
      }),
    );
  }

  /** Ahead of the next change, which is not to wait for Git. */
  #learnAuthors(revision: Revision): void {
    void this.#authors.of(revision.mesh.directory, commitsOfChange(revision, undefined));
  }

  /**
   * Makes an earlier revision live again in one step, without touching the mesh directory. When the
   * promise resolves it is the live one in PostgreSQL with its entry in the audit log, replicas hear of
   * it, and its rollout to the sidecars has begun as that of any other revision. From then the mesh is
   * pinned: what still has the change of the content that was live until now does not go live by itself,
   * not at a restart either, until the mesh directory has it no more or somebody releases it.
   * @param target id or commit of a revision that was live once (seven characters are enough);
   *   `undefined` for the one before the live one. Of a rollout that has to be undone this is the
   *   `previous` revision; say which one is to go with `onlyFrom`, so that a newer one stays.
   * @throws RollbackError when it is not possible as things are; the error of PostgreSQL while that is
   *   away (nothing is changed then, it may be tried again)
   */
  rollBack(target: string | undefined, order: RollbackOrder): Promise<LiveRevision> {
    return this.#inTurn(async () => {
      if (Date.now() > (order.notAfterMs ?? Number.POSITIVE_INFINITY)) {
        const message = 'a change before it waits for PostgreSQL: nothing is rolled back';
        throw new RollbackError('conflict', message);
      }
      const live = await rollBackRevision(this.pool, target, order);
      this.#set(live);
      const { fromId } = live.rollback ?? {};
      const { kind, name } = order.actor;
      this.log.warn(
        { revision: live.revision.id, from: fromId, by: `${kind} ${name}`, reason: order.reason },
        `revision ${live.revision.id} is live again`,
      );
      return live;
    });
  }

  /**
   * Ends the pin of a rollback; what the mesh directory has goes live with its next publication.
   * @returns whether there was a pin
   * @throws the error of PostgreSQL
   */
  release(actor: Actor): Promise<boolean> {
    return this.#inTurn(async () => {
      const wasPinned = await releaseRollback(this.pool, actor);
      if (wasPinned && this.#current !== undefined) this.#set(unpinned(this.#current));
      return wasPinned;
    });
  }

  /** Takes over what another replica made live. Does nothing while a change is being taken. */
  async refresh(): Promise<void> {
    if (this.#refreshQueued) return;
    this.#refreshQueued = true;
    await this.#inTurn(async () => {
      this.#refreshQueued = false;
      const pointer = await readLivePointer(this.pool);
      const current = this.#current;
      const isPinned = current?.rollback?.pinned ?? false;
      if (pointer === undefined) return;
      const isKnown =
        pointer.rolloutId === current?.rolloutId &&
        pointer.commit === current.revision.commit &&
        pointer.pinned === isPinned &&
        pointer.held === (current.rollback?.held.length ?? 0);
      if (isKnown) return;
      const live = await readLiveRevision(this.pool);
      if (live !== undefined) this.#set(live);
    });
  }

  /** Gives up what waits. */
  close(): void {
    this.#abort.abort();
  }

  #revisionOf({ mesh, edges, requestPolicies, commit }: CompiledMesh): Revision {
    return makeRevision(
      {
        ...{ mesh, edges, createdAtMs: Date.now() },
        requestPolicies: requestPolicies.map(withoutDocument),
        ...(commit === undefined ? {} : { commit }),
      },
      this.#current?.revision,
    );
  }

  #logHeldBack({ id }: Revision, { revision, rollback }: LiveRevision): void {
    if (this.#offered === id) return;
    const held = rollback?.held.find((each) => each.revision === id);
    const parts = held?.parts.map(({ team, name }) => `${name} of team ${team}`) ?? [];
    this.log.warn(
      { revision: revision.id, heldBack: id, reason: rollback?.reason, parts },
      `the mesh directory is held back: it has what was rolled back to revision ${revision.id}; a change that takes it back or mends it, or dotline rollback --release, ends this`,
    );
  }

  #set(live: LiveRevision): void {
    const before = this.#current;
    const isAsBefore =
      before?.rolloutId === live.rolloutId &&
      before.rollback?.pinned === live.rollback?.pinned &&
      before.rollback?.held.length === live.rollback?.held.length &&
      isSame(before.revision, live.revision);
    if (isAsBefore) return;
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
