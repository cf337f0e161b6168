import { type Command, Option } from 'commander';
import { wholeNumber } from './arguments.js';
import { type MeshOptions, meshCommand, show } from './mesh-command.js';
import { opaBinary } from './opa-binary.js';

/** Hourly counts are kept so long. */
const WINDOW_DAYS_MAX = 400;

interface UsageCommandOptions extends MeshOptions {
  readonly days: number;
  readonly team?: string;
}

/** `dotline policy unused | suggest | prune`. */
export function leastPrivilegeCommands(policy: Command): void {
  usageCommand(
    policy,
    'unused',
    'What is allowed and had no traffic for days; exit code 1 when there is something',
    30,
  ).action(async (options: UsageCommandOptions) => {
    const { policyUnused } = await import('./policy-unused.js');
    const { policyUnusedAnswer } = await import('./policy-unused-answer.js');
    show(options, policyUnusedAnswer(await policyUnused(options)));
  });
  usageCommand(
    policy,
    'prune',
    'Make a branch without the rules that nobody used; the working directory is left alone',
    30,
  )
    .option('--branch <name>', 'its name; by default prune-unused-<date>')
    .action(async (options: UsageCommandOptions & { readonly branch?: string }) => {
      const { policyPrune } = await import('./policy-prune.js');
      const { policyPruneAnswer } = await import('./policy-prune-answer.js');
      const opa = await opaBinary();
      show(options, policyPruneAnswer(await policyPrune({ ...options, opaPath: opa.path })));
    });
  usageCommand(
    policy,
    'suggest',
    'Rules for what was denied, and narrower ones for what is granted too widely, ready to paste',
    7,
  )
    .option('--all', 'rules for all that was observed, in place of those there are')
    .option('--out <directory>', 'write a file for each team, below policies/teams/')
    .action(
      async (options: UsageCommandOptions & { readonly all?: boolean; readonly out?: string }) => {
        const { policySuggest } = await import('./policy-suggest.js');
        const { policySuggestAnswer } = await import('./policy-suggest-answer.js');
        const opa = await opaBinary();
        show(options, policySuggestAnswer(await policySuggest({ ...options, opaPath: opa.path })));
      },
    );
}

function usageCommand(
  parent: Command,
  name: string,
  description: string,
  standardDays: number,
): Command {
  return meshCommand(parent, name, description)
    .addOption(
      new Option('--days <number>', 'days of traffic to look at')
        .argParser(wholeNumber('a number of days', 1, WINDOW_DAYS_MAX))
        .default(standardDays),
    )
    .option('--team <team>', 'only what concerns this team');
}
