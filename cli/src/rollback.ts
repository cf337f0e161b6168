import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlaneClient } from '@dotline/runner/control-plane-client';
import { ControlPlaneError } from '@dotline/runner/control-plane-error';
import type { RevisionsView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { openControlPlane } from './control-plane-access.js';
import { ExitCode } from './exit-code.js';
import { operatorName } from './operator-name.js';
import { readApi, UnavailableError } from './page-server-client.js';
import { waitAnswer } from './wait.js';

/** The last acknowledgement is on record a moment after the last sidecar is. */
const RECORD_MS_MAX = 3_000;
const LOOK_EVERY_MS = 100;

export interface RollbackOptions {
  readonly mesh: string;
  readonly address?: string;
  readonly reason?: string;
  /** For how long to wait for enforcement. */
  readonly for: number;
}

/**
 * `dotline rollback`: makes an earlier revision live and waits until it is enforced, as `dotline wait`.
 * Exit code 1 when it is not possible as things are, or not enforced in time.
 * @throws UnavailableError
 */
export async function rollbackAnswer(
  address: string,
  target: string | undefined,
  options: RollbackOptions,
): Promise<Answer> {
  const order = {
    by: operatorName(),
    ...(target === undefined ? {} : { revision: target }),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  };
  const done = await ask(options, (client) => client.rollBack(order));
  if ('exitCode' in done) return done;
  const { revision, from, endedRules } = done;
  const ended = endedRules.map((edge) =>
    colours.yellow(`${edge} is allowed again by a rule whose last day is over`),
  );
  const waited = await waitAnswer(address, revision, options.for);
  const isEnforced = waited.exitCode === ExitCode.ok;
  const head = isEnforced
    ? `revision ${revision} is live again: ${await enforcedText(address, revision)}`
    : `revision ${revision} is live again in place of ${from}\n${waited.text}`;
  return {
    text: [head, ...ended, HELD_BACK].join('\n'),
    value: { revision, from, endedRules, enforcement: waited.value },
    exitCode: waited.exitCode,
  };
}

/**
 * `dotline rollback --release`: lets the mesh directory go live again.
 * @throws UnavailableError
 */
export async function releaseAnswer(address: string, options: RollbackOptions): Promise<Answer> {
  const done = await ask(options, (client) => client.releaseRollback(operatorName()));
  if ('exitCode' in done) return done;
  const { released, revision } = done;
  if (!released) {
    const text = `no rollback is to be ended: revision ${revision} is live`;
    return { text, value: done, exitCode: ExitCode.no };
  }
  const waited = await waitAnswer(address, revision, options.for);
  return {
    text: `the rollback is over; revision ${revision} is live\n${waited.text}`,
    value: { ...done, enforcement: waited.value },
    exitCode: waited.exitCode,
  };
}

const HELD_BACK =
  'Commits that still have its change are held until they take it back or mend it, or until dotline rollback --release.';

/** What the control plane says, or the answer when that is a refusal. */
async function ask<T extends object>(
  options: RollbackOptions,
  call: (client: ControlPlaneClient) => Promise<T>,
): Promise<T | Answer> {
  const { client, access } = await openControlPlane(options);
  try {
    return await call(client);
  } catch (error) {
    if (!(error instanceof ControlPlaneError)) {
      throw new UnavailableError(`the control plane at ${access.url} does not answer`, {
        cause: error,
      });
    }
    const { status, reason } = error;
    if (status !== 404 && status !== 409) throw new UnavailableError(error.message);
    const exitCode = status === 404 ? ExitCode.usage : ExitCode.no;
    return { text: colours.red(reason), value: { error: reason }, exitCode };
  } finally {
    await client.close();
  }
}

async function enforcedText(address: string, revision: string): Promise<string> {
  const endMs = Date.now() + RECORD_MS_MAX;
  for (;;) {
    const view = await readApi<RevisionsView>(address, '/api/revisions?limit=1');
    const [last] = view.history;
    if (last?.revision === revision && last.enforcedInMs !== null) {
      const { sidecars, enforcedInMs } = last;
      return `enforced on ${sidecars}/${sidecars} sidecars in ${(enforcedInMs / 1000).toFixed(1)} s`;
    }
    if (last?.revision !== revision || Date.now() > endMs) return 'enforced on all sidecars';
    await sleep(LOOK_EVERY_MS);
  }
}
