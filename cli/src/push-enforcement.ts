import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem } from '@dotline/model/mesh-error';
import type { EnforcementView } from '@dotline/topology-ui/api';
import { ApiError, UnavailableError } from './page-server-client.js';
import { readEnforcement } from './read-enforcement.js';
import { heldOf, lagLines, rolledBackLines } from './wait.js';

/** How often the pusher is told how far it is. */
const TOLD_EVERY_MS = 2_000;
const RETRY_MS = 300;
/** What is away for longer before its first answer is taken as not running. */
const PASSING_MS = 5_000;
/** Until a control plane has taken a commit, problems may still be those of what was before. */
const PROBLEMS_AFTER_MS = 5_000;

/**
 * Tells, while it happens, how a commit that was pushed goes live and is enforced; for `forMs` at most.
 * @returns whether it is enforced everywhere
 */
export async function tellEnforcement(
  address: string,
  commit: string,
  forMs: number,
  print: (line: string) => void,
): Promise<boolean> {
  const startMs = Date.now();
  // The branch moved just before this process began.
  const seconds = () => `${((Date.now() - performance.timeOrigin) / 1000).toFixed(1)} s`;
  let told = '';
  let hasAnswered = false;
  const tell = (line: string) => {
    if (line !== told) print(line);
    told = line;
  };
  for (;;) {
    const leftMs = forMs - (Date.now() - startMs);
    const view = await ask(address, commit, Math.max(0, Math.min(leftMs, TOLD_EVERY_MS)));
    const isOver = leftMs <= TOLD_EVERY_MS;
    if (typeof view === 'string') {
      if (isOver || (!hasAnswered && Date.now() - startMs > PASSING_MS)) {
        print(`warning: whether it is enforced is not known: ${view}`);
        return false;
      }
      await sleep(RETRY_MS);
      continue;
    }
    hasAnswered = true;
    const { state, revision, live, touched, lagging, rollout, problems } = view;
    if (state === 'enforced') {
      tell(
        revision === live
          ? `${touched === 0 ? 'live, and no sidecar had to change,' : `enforced on ${touched}/${touched} sidecars`} in ${seconds()} (revision ${revision})`
          : `enforced as revision ${revision}; ${live} is live now`,
      );
      return true;
    }
    if (state === 'superseded') {
      tell(`revision ${revision} was replaced by ${live} before all sidecars had it`);
      return false;
    }
    if (state === 'rolled-back') {
      for (const line of rolledBackLines(view)) print(`error: ${line.trim()}`);
      return false;
    }
    if (state === 'held') {
      for (const line of heldOf(view)) print(`error: ${line}`);
      return false;
    }
    const isRefused =
      state === 'unknown' && problems.length > 0 && Date.now() - startMs > PROBLEMS_AFTER_MS;
    if (isOver || isRefused) {
      const rest = restLines(view, commit, seconds());
      for (const line of rest) print(line);
      return false;
    }
    if (state === 'pending' && lagging.length > 0) {
      const wave =
        rollout?.wave == null ? '' : `, wave ${rollout.wave} of ${rollout.waves.join(', ')}`;
      tell(
        `revision ${revision} is live: ${touched - lagging.length}/${touched} sidecars enforce it${wave}`,
      );
    }
  }
}

function restLines(view: EnforcementView, commit: string, after: string): string[] {
  const { state, revision, touched, lagging, problems } = view;
  const problemLines = problems.map((problem) => `error: ${formatProblem(problem)}`);
  if (state === 'unknown') {
    return [
      `warning: the control plane has not made ${commit.slice(0, 10)} live in ${after}`,
      ...problemLines,
    ];
  }
  return [
    `warning: revision ${revision} is enforced on ${touched - lagging.length}/${touched} sidecars after ${after}`,
    ...lagging.flatMap(lagLines),
    ...problemLines,
    `dotline wait ${revision} waits further`,
  ];
}

/** The view, or why there is none. */
async function ask(
  address: string,
  commit: string,
  waitMs: number,
): Promise<EnforcementView | string> {
  try {
    return await readEnforcement(address, commit, waitMs);
  } catch (error) {
    if (error instanceof UnavailableError || error instanceof ApiError) return error.message;
    throw error;
  }
}
