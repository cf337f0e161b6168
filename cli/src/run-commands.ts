import type { Command } from 'commander';
import { wholeNumber } from './arguments.js';

interface UpOptions {
  readonly mesh: string;
  readonly port: number;
  readonly detach?: boolean;
  readonly follow?: string;
}

const DEFAULT_PORT = 8080;

/** `dotline up | down`. */
export function runCommands(program: Command): void {
  program
    .command('up')
    .description('Run a mesh on this machine until Ctrl-C')
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--port <port>', 'port of the page', wholeNumber('a port', 1, 65_535), DEFAULT_PORT)
    .option('--detach', 'return when it is up; dotline down stops it')
    .option('--follow <url#branch>', 'bring what is pushed to a branch into the mesh directory')
    .action(async ({ follow, ...given }: UpOptions) => {
      const options: UpOptions = { ...given, ...(await following(given.mesh, follow)) };
      if (options.detach) {
        const { upDetached } = await import('./up-detached.js');
        return upDetached(options);
      }
      const { up } = await import('@dotline/runner/up');
      await up({
        meshDirectory: options.mesh,
        port: options.port,
        ...(options.follow === undefined ? {} : { follow: options.follow }),
        print: (line) => console.log(line),
      });
    });

  program
    .command('down')
    .description('Stop the mesh of a directory')
    .option('--mesh <directory>', 'mesh directory', '.')
    .action(async (options: { readonly mesh: string }) => {
      const { down } = await import('@dotline/runner/down');
      const result = await down(options.mesh);
      console.log(result === 'stopped' ? 'Stopped.' : 'It was not up.');
    });
}

/** Makes a mesh directory able to follow a branch, when it is to. */
async function following(mesh: string, follow: string | undefined): Promise<{ follow?: string }> {
  if (follow === undefined) return {};
  const { ensureFollowing } = await import('@dotline/mesh-repository/following-checkout');
  return { follow: await ensureFollowing(mesh, follow) };
}
