import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem } from '@dotline/model/mesh-error';
import type { EnforcementView, LaggingSidecar, StatusView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import { actorText, heldLines, rollbackText } from './audit-text.js';
import type { Answer } from './commands.js';
import { age } from './duration.js';
import { ExitCode } from './exit-code.js';
import { ApiError, readApi, UnavailableError } from './page-server-client.js';
import { rejectionLines } from './proxy-status-answer.js';
import { readEnforcement } from './read-enforcement.js';
import { typeName } from './resource-type.js';
import { rolloutLines } from './rollout-lines.js';

/** The page server holds one answer back for so long at most. */
const HELD_BACK_MS_MAX = 25_000;
const UNAVAILABLE_RETRY_MS = 500;
/** Before the first answer, what is away for longer is taken as not running. */
const PASSING_MS = 5_000;

/**
 * `dotline wait`: 0 as soon as every sidecar that the revision touches holds it, 1 when some do not
 * after the time, or when another revision has taken its place, or when it was rolled back: with the reason.
 * @throws UnavailableError when no page server answers for five seconds at first
 */
export async function waitAnswer(address: string, name: string, forMs: number): Promise<Answer> {
  const startMs = Date.now();
  const endMs = startMs + forMs;
  let view: EnforcementView | undefined;
  do {
    const leftMs = Math.max(0, endMs - Date.now());
    try {
      // The first answer is what there is to say if no other comes.
      const waitMs = view === undefined ? 0 : Math.min(leftMs, HELD_BACK_MS_MAX);
      view = await readEnforcement(address, name, waitMs);
    } catch (error) {
      // A page server, or its store, that starts again is no answer.
      if (!isPassing(error)) throw error;
      if (view === undefined && Date.now() - startMs > PASSING_MS) throw error;
      await sleep(UNAVAILABLE_RETRY_MS);
    }
  } while (view === undefined || (isOpen(view) && Date.now() < endMs));
  const answer = answerOf(view, name, Date.now() - startMs);
  const rollback = view.state === 'unknown' ? await pinnedRollback(address) : undefined;
  return rollback === undefined ? answer : { ...answer, text: `${answer.text}\n${rollback}` };
}

/** What keeps a commit from going live that has no problem: its content was rolled back. */
async function pinnedRollback(address: string): Promise<string | undefined> {
  const status = await readApi<StatusView>(address, '/api/status').catch(() => undefined);
  const rollback = status?.revision?.rollback;
  return rollback?.pinned ? colours.yellow(rollbackText(rollback)) : undefined;
}

function isPassing(error: unknown): boolean {
  return error instanceof UnavailableError || (error instanceof ApiError && error.status === 503);
}

function isOpen({ state }: EnforcementView): boolean {
  return state === 'pending' || state === 'unknown';
}

function answerOf(view: EnforcementView, name: string, tookMs: number): Answer {
  return {
    text: lines(view, name, tookMs).join('\n'),
    value: view,
    exitCode: view.state === 'enforced' ? ExitCode.ok : ExitCode.no,
  };
}

function lines(view: EnforcementView, name: string, tookMs: number): string[] {
  const { state, revision, live, touched, lagging, rollout, problems } = view;
  const seconds = `${(tookMs / 1000).toFixed(1)} s`;
  const problemLines = problems.map((problem) => colours.red(formatProblem(problem)));
  switch (state) {
    case 'enforced':
      return [
        revision === live
          ? `revision ${revision} is enforced on all ${touched} sidecars that it touches, after ${seconds}`
          : `revision ${revision} was enforced; ${live} is live now`,
      ];
    case 'superseded':
      return [
        colours.yellow(
          `revision ${revision} was replaced by ${live} before all had it; wait for that one`,
        ),
      ];
    case 'rolled-back':
      return rolledBackLines(view);
    case 'held':
      return heldOf(view).map(colours.red);
    case 'unknown':
      return [
        colours.yellow(
          `no revision ${name} has gone live in ${seconds}; live is ${live ?? 'none'}`,
        ),
        ...problemLines,
      ];
    case 'pending':
      return [
        `revision ${revision} is enforced on ${touched - lagging.length} of the ${touched} sidecars that it touches, after ${seconds}`,
        ...(rollout === null ? [] : rolloutLines(rollout, Date.now())),
        ...lagging.flatMap(lagLines),
        ...problemLines,
      ];
  }
}

/** Why a content of the mesh directory is not enforced, which rollback that comes of, and the way out. */
export function heldOf({ held }: EnforcementView): string[] {
  if (held === null) return [];
  const { from, by, reason, atMs } = held.rollback;
  const why = reason === '' ? '' : `: ${reason}`;
  const [first = '', ...others] = heldLines(held);
  return [
    first,
    ...others,
    `${from} was rolled back ${age(atMs, Date.now())} ago by ${actorText(by)}${why}`,
  ];
}

/** When a revision was rolled back, by whom and why. */
export function rolledBackLines({ revision, live, rollout, rollback }: EnforcementView): string[] {
  const now = Date.now();
  if (rollout !== null) return rolloutLines(rollout, now);
  if (rollback === null) return [colours.red(`revision ${revision} was rolled back`)];
  const { from, to, by, reason, atMs } = rollback;
  const together = from === revision ? '' : ` together with ${from}, which came after it,`;
  const because = reason === '' ? '' : `: ${reason}`;
  return [
    colours.red(
      `revision ${revision} was rolled back${together} to ${to} ${age(atMs, now)} ago (${new Date(atMs).toISOString()}) by ${actorText(by)}${because}`,
    ),
    ...(live === to ? [] : [`${live} is live now`]),
  ];
}

/** Why a sidecar lags, for a person. */
export function lagLines(sidecar: LaggingSidecar): string[] {
  const { instance, reason, typeUrl, sinceMs, rejection } = sidecar;
  const nowMs = Date.now();
  if (rejection !== null) return rejectionLines(instance, rejection, nowMs);
  const since = sinceMs === null ? '' : ` since ${age(sinceMs, nowMs)}`;
  const type = typeUrl === null ? '' : `${typeName(typeUrl)} `;
  const why = {
    'never-seen': 'its sidecar has never connected',
    disconnected: `not connected${since}`,
    rejected: 'refused',
    unanswered: `${type}not answered${since}`,
    'not-sent': `${type}not sent yet`,
    'held-back': 'holds all that it was given; the rollout has not come to it',
  }[reason];
  return [colours.yellow(`  ${instance}: ${why}`)];
}
