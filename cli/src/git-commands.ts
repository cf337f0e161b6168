import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationMs } from './arguments.js';
import { ExitCode } from './exit-code.js';
import type { HookOptions } from './git-hook.js';

const DEFAULT_LISTEN = '127.0.0.1:8090';
/** A pusher waits for so long at most. */
const ENFORCED_FOR = '30s';

/** `dotline git …`: the mesh directory as a Git repository. */
export function gitCommands(program: Command): void {
  const group = program.command('git').description('The mesh directory as a Git repository');
  group
    .command('serve')
    .description(
      'Take git push and git fetch over HTTPS, on a loopback address over HTTP too; what is pushed to the live branch is checked, then enforced',
    )
    .option('--mesh <directory>', 'mesh directory', '.')
    .addOption(
      new Option('--listen <host:port>', 'where; on an address that others reach, over HTTPS alone')
        .argParser(hostAndPort)
        .default(hostAndPort(DEFAULT_LISTEN), DEFAULT_LISTEN),
    )
    .option('--tls', "HTTPS on a loopback address too, with a certificate of the mesh's authority")
    .option('--tls-certificate <file>', 'PEM with the chain, instead of one of the mesh')
    .option('--tls-key <file>', 'PEM of its key; both are read again when they change')
    .option('--name <host>', 'by which others know this machine; the certificate carries it')
    .option('--address <url>', 'page server, when it is not that of the mesh directory')
    .addOption(enforcedFor())
    .action(async (options) => {
      if ((options.tlsCertificate === undefined) !== (options.tlsKey === undefined))
        program.error('error: --tls-certificate and --tls-key, both or neither');
      const { gitServe } = await import('./git-serve.js');
      await gitServe(options);
    });
  group
    .command('token')
    .description('Make the token that a person pushes with; it is shown once')
    .argument('<person>', 'a name or an email address, as in mesh.yaml')
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--revoke', 'take all tokens of the person back')
    .action(
      async (person: string, options: { readonly mesh: string; readonly revoke?: boolean }) => {
        const { gitToken } = await import('./git-token.js');
        await gitToken(person, options);
      },
    );
  group
    .command('hooks')
    .description('For a repository that something else serves')
    .command('install')
    .description(
      'Make a repository check what is pushed to it, and tell its pushers how it is enforced',
    )
    .argument('<repository>', 'bare, or the checkout that is the mesh directory')
    .option(
      '--mesh <directory>',
      'mesh directory that takes what is pushed; without one the control plane follows the branch',
    )
    .option('--address <url>', 'page server, when it is not that of the mesh directory')
    .option('--branch <branch>', "the live branch; by default the repository's own")
    .option('--folder <folder>', 'folder of the mesh in the repository', '')
    .addOption(enforcedFor())
    .action(async (repository: string, options) => {
      const { installHooks } = await import('./git-hooks-install.js');
      await installHooks(repository, options);
    });
  hook(group, 'pre-receive', async (options) => {
    const { preReceive } = await import('./git-pre-receive.js');
    return preReceive(options);
  });
  hook(group, 'post-receive', async (options) => {
    const { postReceive } = await import('./git-post-receive.js');
    return postReceive(options);
  });
}

/** What Git calls; people have no use for it. */
function hook(
  group: Command,
  name: string,
  run: (options: HookOptions) => Promise<ExitCode>,
): void {
  group
    .command(name, { hidden: true })
    .option('--mesh <directory>')
    .option('--address <url>')
    .option('--branch <branch>', '', 'main')
    .option('--folder <folder>', '', '')
    .requiredOption('--for <duration>', '', durationMs)
    .action(async (options: HookOptions) => {
      try {
        process.exitCode = await run(options);
      } catch (error) {
        // The pusher reads one line; whoever serves the repository has the rest in the log.
        const message = error instanceof Error ? error.message : String(error);
        console.log(`error: ${message.split('\n')[0]}`);
        console.error(error instanceof Error ? error.stack : error);
        process.exitCode = ExitCode.unavailable;
      }
    });
}

function enforcedFor(): Option {
  return new Option('--for <duration>', 'how long a pusher waits until it is enforced')
    .argParser((text) => {
      durationMs(text);
      return text;
    })
    .default(ENFORCED_FOR);
}

function hostAndPort(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new InvalidArgumentError('an address is host:port, such as 127.0.0.1:8090');
  return { host, port: Number(port) };
}
