import { userInfo } from 'node:os';
import { ControlPlaneError } from '@dotline/runner/control-plane-error';
import type { RolloutView } from '@dotline/topology-ui/api';
import { type Command, Option } from 'commander';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { type MeshOptions, meshCommand, show } from './mesh-command.js';
import { readApi, UnavailableError } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';
import { rolloutAnswer } from './rollout-answer.js';

interface Options extends MeshOptions {
  readonly reason: string;
  readonly by: string;
}

const ORDERS = {
  pause: 'Keep the rollout in its present wave, for an hour at most; it is watched on',
  resume: 'Go on with a rollout that was paused',
  promote: 'Go on to all sidecars now, without watching further waves',
  abort: 'Go back to the revision before',
} as const;

/** `dotline rollout status | pause | resume | promote | abort`. */
export function rolloutCommands(program: Command): void {
  const rollout = program
    .command('rollout')
    .description('The rollout in waves that runs or ran last');
  meshCommand(
    rollout,
    'status',
    'Where the rollout in waves is, or why the last one went back; exit code 0 only when it is done',
  ).action(async (options: Options) => {
    const address = await resolveAddress(options);
    show(options, rolloutAnswer(await readApi<RolloutView | null>(address, '/api/rollout')));
  });
  for (const [action, description] of Object.entries(ORDERS)) {
    meshCommand(rollout, action, description)
      .addOption(new Option('--reason <text>', 'why').default(''))
      .addOption(new Option('--by <name>', 'who says so').default(userInfo().username))
      .action(async (options: Options) => show(options, await order(action, options)));
  }
}

async function order(action: string, options: Options): Promise<Answer> {
  const { openControlPlane } = await import('./control-plane-access.js');
  const { access, client } = await openControlPlane(options);
  try {
    const { by, reason } = options;
    const revision = await client.orderRollout({ action, by, reason });
    return revision === null
      ? { text: 'no rollout in waves runs', value: { revision }, exitCode: ExitCode.no }
      : {
          text: `${action}: the rollout of revision ${revision}`,
          value: { action, revision },
          exitCode: ExitCode.ok,
        };
  } catch (error) {
    const reason = error instanceof ControlPlaneError ? error.message : 'it does not answer';
    throw new UnavailableError(`the control plane at ${access.url}: ${reason}`, { cause: error });
  } finally {
    await client.close();
  }
}
