import { type Command, Option } from 'commander';
import { wholeNumber } from './arguments.js';
import { parseRange } from './comparison-range.js';
import { leastPrivilegeCommands } from './least-privilege-commands.js';
import { type MeshOptions, meshCommand, show } from './mesh-command.js';
import { opaBinary } from './opa-binary.js';
import { policyTestAnswer } from './policy-answer.js';
import { policyCheckAnswer } from './policy-check-answer.js';
import { policyDecisionsCommand } from './policy-decisions.js';
import { policyFormatAnswer } from './policy-format-answer.js';
import { policyShadowCommands } from './policy-shadow-commands.js';

interface CheckOptions extends MeshOptions {
  readonly strict?: boolean;
  readonly format: 'text' | 'editor';
}

interface DiffOptions extends MeshOptions {
  readonly page?: boolean;
  readonly markdown?: boolean;
  readonly days: number;
}

const TRAFFIC_DAYS_MAX = 90;

/** `dotline policy …`: rules, before and after they are enforced. */
export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('Rules of the teams');
  policy
    .command('test')
    .description('Check every rule and run the opa tests of every team')
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--json', 'for machines')
    .action(async (options: MeshOptions) => {
      const { testPolicies } = await import('@dotline/policies/test-policies');
      const opa = await opaBinary();
      const { loadMesh } = await import('@dotline/model/load-mesh');
      const mesh = await loadMesh(options.mesh);
      const run = await testPolicies(mesh, { opaPath: opa.path });
      show(options, policyTestAnswer(run));
    });
  policy
    .command('check')
    .description(
      'All that is wrong or dubious about the rules, with the way out; exit code 1 when there is an error',
    )
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--strict', 'exit code 1 for warnings too')
    .addOption(
      new Option('--format <format>', 'editor: one line for each remark, and nothing else')
        .choices(['text', 'editor'])
        .default('text'),
    )
    .option('--json', 'for machines')
    .action(async (options: CheckOptions) => {
      const { checkPolicies } = await import('@dotline/policies/check-policies');
      const { cacheDirectory } = await import('@dotline/local-parts/cache-directory');
      const opa = await opaBinary();
      const report = await checkPolicies(options.mesh, {
        opaPath: opa.path,
        cacheDirectory: await cacheDirectory('checked'),
        nowMs: Date.now(),
      });
      const { mesh, format, strict = false } = options;
      show(options, policyCheckAnswer(report, { mesh, format, strict }));
    });
  policy
    .command('fmt')
    .description("Format the teams' and the platform's Rego with opa fmt")
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--check', 'write nothing; exit code 1 when a file would be written')
    .option('--json', 'for machines')
    .action(async (options: MeshOptions & { readonly check?: boolean }) => {
      const { formatPolicies } = await import('@dotline/policies/format-policies');
      const opa = await opaBinary();
      const checkOnly = options.check === true;
      const result = await formatPolicies(options.mesh, { opaPath: opa.path, checkOnly });
      show(options, policyFormatAnswer(result, checkOnly));
    });

  meshCommand(
    policy,
    'diff',
    'What a change of the rules would do before it is made; exit code 1 when it is not safe, 3 when that is not known',
  )
    .argument(
      '[range]',
      'base..head, or head alone: branches, tags or commits; without a base the live revision, else HEAD; without a head the working directory',
    )
    .option('--markdown', 'for a pull request')
    .option('--page', 'keep it for 14 days as a page, and print where')
    .addOption(
      new Option('--days <number>', 'days of traffic to look at')
        .argParser(wholeNumber('a number of days', 1, TRAFFIC_DAYS_MAX))
        .default(7),
    )
    .action(async (range: string | undefined, options: DiffOptions) => {
      const sides = range === undefined ? { base: undefined, head: undefined } : parseRange(range);
      if (sides === undefined) program.error('error: a range is base..head, such as main..HEAD');
      if (options.json && options.markdown) program.error('error: --json or --markdown, not both');
      const { policyDiff } = await import('./policy-diff.js');
      const { policyDiffAnswer } = await import('./policy-diff-answer.js');
      const opa = await opaBinary();
      const result = await policyDiff(sides, { ...options, opaPath: opa.path });
      const page = options.page
        ? await (await import('./preview-page.js')).keepPreview(result, options)
        : null;
      show(options, policyDiffAnswer(result, options.markdown ? 'markdown' : 'text', page));
    });
  leastPrivilegeCommands(policy);
  policyDecisionsCommand(policy);
  policyShadowCommands(policy);
}
