import type { Command } from 'commander';
import { meshCommand, show } from './mesh-command.js';
import { opaBinary } from './opa-binary.js';

interface ImportCommandOptions {
  readonly mesh: string;
  readonly json?: boolean;
  readonly out?: string;
}

interface ExportCommandOptions {
  readonly mesh: string;
  readonly json?: boolean;
  readonly namespace?: string;
  readonly platformNamespace: string;
}

/** `dotline network-policy import | export`. */
export function networkPolicyCommands(program: Command): void {
  const networkPolicy = program
    .command('network-policy')
    .description('NetworkPolicies of Kubernetes, in and out; needs no running mesh');
  meshCommand(networkPolicy, 'import', 'Needs and grants for what NetworkPolicies allow by name')
    .argument('<path...>', 'files or folders of manifests: NetworkPolicies, Namespaces, workloads')
    .option('--out <directory>', 'write a file for each team, below policies/teams/')
    .action(async (paths: string[], options: ImportCommandOptions) => {
      const { importNetworkPolicies } = await import('./network-policy.js');
      const { importAnswer } = await import('./network-policy-answer.js');
      show(options, importAnswer(await importNetworkPolicies(paths, options)));
    });
  meshCommand(networkPolicy, 'export', 'Edges as NetworkPolicies, for defence in depth')
    .option('--namespace <name>', "where the services' pods are; by default the mesh's name")
    .option(
      '--platform-namespace <name>',
      'where control plane and collector are',
      'dotline-system',
    )
    .action(async (options: ExportCommandOptions) => {
      const { exportNetworkPolicies } = await import('./network-policy.js');
      const { exportAnswer } = await import('./network-policy-answer.js');
      const opa = await opaBinary();
      show(options, exportAnswer(await exportNetworkPolicies({ ...options, opaPath: opa.path })));
    });
}
