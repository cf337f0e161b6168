import { z } from 'zod';
import type { RolloutOrder } from './rollout-store.js';

/** Body of `POST /v1/rollout`: what is wanted of the rollout that runs in waves. */
export const RolloutCall = z.strictObject({
  action: z.enum(['pause', 'resume', 'promote', 'abort']),
  reason: z.string().max(1_000).default(''),
  /** Who the caller says he is; that he may do it is what the join token says. */
  by: z.string().max(200).default('unnamed'),
});

/** What the call asks of the control plane. */
export interface RolloutParts {
  /** @returns the revision whose rollout it is; `undefined` when none runs */
  readonly orderRollout: (order: RolloutOrder) => Promise<string | undefined>;
}

/** Answers `POST /v1/rollout`. */
export async function answerRolloutCall(
  { orderRollout }: RolloutParts,
  call: z.infer<typeof RolloutCall>,
): Promise<{ readonly revision: string | null }> {
  return { revision: (await orderRollout({ ...call, atMs: Date.now() })) ?? null };
}
