import { z } from 'zod';
import type { LiveRevision } from './revision-store.js';
import { edgesOfEndedRules, type RollbackOrder } from './rollback.js';

/** Well within what callers wait for an answer. */
const TURN_MS_MAX = 10_000;
const Name = z.string().max(200);

/** Body of `POST /v1/rollback`: without a revision, to the one before. */
export const RollbackCall = z.strictObject({
  revision: Name.optional(),
  reason: z.string().max(1_000).default(''),
  /** Who the caller says he is; that he may do it is what the join token says. */
  by: Name.default('unnamed'),
});

/** Body of `POST /v1/rollback/release`. */
export const ReleaseCall = RollbackCall.pick({ by: true });

/** Answer of `POST /v1/rollback`. */
export interface RollbackAnswer {
  readonly revision: string;
  readonly from: string;
  /** Edges with a rule whose last day was over, which hold again. */
  readonly endedRules: readonly string[];
}

/** Answer of `POST /v1/rollback/release`. */
export interface ReleaseAnswer {
  /** Whether there was a rollback to end. */
  readonly released: boolean;
  /** The live revision, once the mesh directory has been read. */
  readonly revision: string;
}

/** What the calls ask of the control plane. */
export interface RollbackParts {
  /** @throws RollbackError, or the error of PostgreSQL */
  readonly rollBack: (target: string | undefined, order: RollbackOrder) => Promise<LiveRevision>;
  /** Resolves when the mesh directory has been read again. @throws the error of PostgreSQL */
  readonly release: (actor: RollbackOrder['actor']) => Promise<boolean>;
}

/** Answers `POST /v1/rollback`. */
export async function answerRollback(
  { rollBack }: RollbackParts,
  { revision: target, reason, by }: z.infer<typeof RollbackCall>,
): Promise<RollbackAnswer> {
  const actor = { kind: 'operator', name: by } as const;
  const live = await rollBack(target, { actor, reason, notAfterMs: Date.now() + TURN_MS_MAX });
  return {
    revision: live.revision.id,
    from: live.rollback?.fromId ?? '',
    endedRules: edgesOfEndedRules(live.revision, Date.now()),
  };
}
