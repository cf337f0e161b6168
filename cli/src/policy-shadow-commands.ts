import { type Command, Option } from 'commander';
import type { Answer } from './commands.js';
import { opaBinary } from './opa-binary.js';

interface Options {
  readonly mesh: string;
  readonly address?: string;
  readonly json?: boolean;
}

/** `dotline policy shadow | shadow start | shadow stop`. */
export function policyShadowCommands(
  policy: Command,
  tools: {
    /** Makes a command with the options that all share. */
    readonly command: (name: string, description: string, parent: Command) => Command;
    readonly durationMs: (text: string) => number;
    readonly show: (options: Options, answer: Answer) => void;
  },
): void {
  const { command, durationMs, show } = tools;
  const shadow = command(
    'shadow',
    'What a staged revision would change of real traffic; exit code 1 when it would deny some, 3 when none is staged',
    policy,
  )
    .addOption(
      new Option(
        '--since <duration>',
        'of the last so long, such as 1h; by default since it was staged',
      ).argParser(durationMs),
    )
    .action(async (options: Options & { readonly since?: number }) => {
      const [{ readShadow }, { shadowAnswer }] = await Promise.all([
        import('./policy-shadow.js'),
        import('./policy-shadow-answer.js'),
      ]);
      show(options, shadowAnswer(await readShadow(options, options.since)));
    });
  command(
    'start',
    'Have sidecars judge a state of the mesh beside the live revision, in place of any other; nothing of it is enforced',
    shadow,
  )
    .argument(
      '[state]',
      'branch, tag, commit, base..head, or another mesh directory; by default the working directory',
    )
    .action(async (state: string | undefined, _own: Options, self: Command) => {
      const options = everywhere(self);
      const [{ startShadow }, { shadowStartAnswer }] = await Promise.all([
        import('./policy-shadow.js'),
        import('./policy-shadow-answer.js'),
      ]);
      const opa = await opaBinary();
      const started = await startShadow(state, { ...options, opaPath: opa.path });
      show(options, shadowStartAnswer(started));
    });
  command('stop', 'Have sidecars judge by no other revision', shadow).action(
    async (_own: Options, self: Command) => {
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
function everywhere(command: Command): Options {
  return command.optsWithGlobals<Options>();
}
