import type { SidecarsView } from '@dotline/topology-ui/api';
import type { Command } from 'commander';
import { answer, type MeshOptions, meshCommand } from './mesh-command.js';
import { readApi } from './page-server-client.js';
import { oneProxyStatusAnswer, proxyStatusAnswer } from './proxy-status-answer.js';

/** `dotline proxy status | diff`. */
export function proxyCommands(program: Command): void {
  const proxy = program.command('proxy').description('Sidecars: what each was given, and uses');
  meshCommand(
    proxy,
    'status',
    'How far each sidecar is with each type; exit code 0 only when all are synced on the live revision',
  )
    .argument('[sidecar]', 'such as fare-1')
    .action((sidecar: string | undefined, options: MeshOptions) =>
      answer(options, async (address) =>
        sidecar === undefined
          ? proxyStatusAnswer(await readSidecars(address))
          : oneProxyStatusAnswer(await readSidecars(address, sidecar)),
      ),
    );
  meshCommand(
    proxy,
    'diff',
    "What the control plane holds for a sidecar against its Envoy's own words; exit code 1 when they differ",
  )
    .argument('[sidecar]', 'such as fare-1')
    .option('--all', 'every sidecar of the mesh')
    .action((sidecar: string | undefined, options: MeshOptions & { readonly all?: boolean }) => {
      if ((sidecar === undefined) !== (options.all === true))
        program.error('error: name one sidecar, or say --all');
      return answer(options, async (address) => {
        const { sidecars } = await readSidecars(address, sidecar);
        const { openHeldConfig } = await import('./control-plane-access.js');
        const { proxyDiffAnswer } = await import('./proxy-diff.js');
        const held = await openHeldConfig(options);
        try {
          return await proxyDiffAnswer(sidecars, held);
        } finally {
          held.close();
        }
      });
    });
}

function readSidecars(address: string, sidecar?: string): Promise<SidecarsView> {
  const one = sidecar === undefined ? '' : `/${encodeURIComponent(sidecar)}`;
  return readApi(address, `/api/sidecars${one}`);
}
