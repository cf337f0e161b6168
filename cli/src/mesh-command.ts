import type { Command } from 'commander';
import type { Answer } from './commands.js';
import { resolveAddress } from './resolve-address.js';

/** Options that commands about a mesh share. */
export interface MeshOptions {
  readonly mesh: string;
  readonly json?: boolean;
  /** Of the page server, when it is not that of the mesh directory. */
  readonly address?: string;
}

/** A command with the options that all share that ask a running mesh. */
export function meshCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--mesh <directory>', 'mesh directory', '.')
    .option('--address <url>', 'page server, when it is not that of the mesh directory')
    .option('--json', 'for machines');
}

/** Shows what the page server answers. @throws UnavailableError, ApiError */
export async function answer(
  options: MeshOptions,
  ask: (address: string) => Promise<Answer>,
): Promise<void> {
  show(options, await ask(await resolveAddress(options)));
}

/** Prints an answer and sets the exit code. */
export function show(options: Pick<MeshOptions, 'json'>, { text, value, exitCode }: Answer): void {
  const said = options.json ? JSON.stringify(value, null, 2) : text;
  if (said !== '') console.log(said);
  process.exitCode = exitCode;
}
