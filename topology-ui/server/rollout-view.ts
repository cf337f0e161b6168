import type { LiveRevision } from '@dotline/control-plane/revision-store';
import { causeText } from '@dotline/control-plane/rollout-failure';
import type { RolloutRecord } from '@dotline/control-plane/rollout-store';
import type { RolloutView } from './api.js';

/** The last rollout that ran in waves or went back, whether or not it still matters. */
export function rolloutView({
  rolloutId,
  revisionId,
  state,
  progress,
  failure,
  order,
}: RolloutRecord): RolloutView {
  return {
    rollout: rolloutId,
    revision: revisionId,
    baseline: failure?.baselineId ?? progress?.baselineId ?? null,
    state,
    phase: state === 'running' ? (progress?.phase ?? null) : null,
    step: failure?.step ?? progress?.name ?? null,
    wave: failure?.wave ?? progress?.wave ?? null,
    waves: progress?.waves.map(({ name }) => name) ?? [],
    sidecars: { moved: progress?.moved ?? 0, touched: progress?.touched ?? 0 },
    startedAtMs: progress?.startedAtMs ?? null,
    sinceMs: failure?.atMs ?? progress?.stepSinceMs ?? null,
    holdMs: progress?.policy.holdMs ?? null,
    order: order === undefined ? null : { action: order.action, by: order.by },
    reasons: failure?.causes.map(causeText) ?? [],
  };
}

/**
 * The rollout that says something about the mesh as it is now: one that runs, or one that was rolled
 * back while its content is held back.
 */
export function currentRollout(
  record: RolloutRecord | undefined,
  live: LiveRevision | undefined,
): RolloutView | null {
  if (record === undefined) return null;
  const isCurrent = {
    running: true,
    done: false,
    superseded: false,
    'rolled-back': live?.rollback?.pinned === true && live.rollback.fromId === record.revisionId,
  }[record.state];
  return isCurrent ? rolloutView(record) : null;
}
