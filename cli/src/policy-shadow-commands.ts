import { type Command, Option } from 'commander';
import { durationMs } from './arguments.js';
import { type MeshOptions, meshCommand, show } from './mesh-command.js';
import { opaBinary } from './opa-binary.js';

/** `dotline policy shadow | shadow start | shadow stop`. */
export function policyShadowCommands(policy: Command): void {
  const shadow = meshCommand(
    policy,
    'shadow',
    'What a staged revision would change of real traffic; exit code 1 when it would deny some, 3 when none is staged',
  )
    .addOption(
      new Option(
        '--since <duration>',
        'of the last so long, such as 1h; by default since it was staged',
      ).argParser(durationMs),
    )
    .action(async (options: MeshOptions & { readonly since?: number }) => {
      const [{ readShadow }, { shadowAnswer }] = await Promise.all([
        import('./policy-shadow.js'),
        import('./policy-shadow-answer.js'),
      ]);
      show(options, shadowAnswer(await readShadow(options, options.since)));
    });
  meshCommand(
    shadow,
    'start',
    'Have sidecars judge a state of the mesh beside the live revision, in place of any other; nothing of it is enforced',
  )
    .argument(
      '[state]',
      'branch, tag, commit, base..head, or another mesh directory; by default the working directory',
    )
    .action(async (state: string | undefined, _own: MeshOptions, self: Command) => {
      const options = everywhere(self);
      const [{ startShadow }, { shadowStartAnswer }] = await Promise.all([
        import('./policy-shadow.js'),
        import('./policy-shadow-answer.js'),
      ]);
      const opa = await opaBinary();
      const started = await startShadow(state, { ...options, opaPath: opa.path });
      show(options, shadowStartAnswer(started));
    });
  meshCommand(shadow, 'stop', 'Have sidecars judge by no other revision').action(
    async (_own: MeshOptions, self: Command) => {
      const options = everywhere(self);
      const [{ stopShadow }, { shadowStopAnswer }] = await Promise.all([
        import('./policy-shadow.js'),
        import('./policy-shadow-answer.js'),
      ]);
      show(options, shadowStopAnswer(await stopShadow(options)));
    },
  );
}

/** Options that a command shares with `shadow` are read by `shadow`, wherever they stand. */
function everywhere(command: Command): MeshOptions {
  return command.optsWithGlobals<MeshOptions>();
}
