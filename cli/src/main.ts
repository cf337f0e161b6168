import { Command } from 'commander';
import { gitCommands } from './git-commands.js';
import { meshCommands } from './mesh-commands.js';
import { networkPolicyCommands } from './network-policy-commands.js';
import { policyCommands } from './policy-commands.js';
import { proxyCommands } from './proxy-commands.js';
import { reportError } from './report-error.js';
import { rollbackCommands } from './rollback-commands.js';
import { rolloutCommands } from './rollout-commands.js';
import { runCommands } from './run-commands.js';

// Commands load what is large only when they need it: a whole Envoy API, the runner, the compiler.
const program = new Command('dotline')
  .description('Each service is a dot, every line is an enforced network rule, coloured by team.')
  .showHelpAfterError('(dotline --help lists the commands)')
  .exitOverride();

meshCommands(program);
proxyCommands(program);
policyCommands(program);
gitCommands(program);
rollbackCommands(program);
networkPolicyCommands(program);
rolloutCommands(program);
runCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error);
}
