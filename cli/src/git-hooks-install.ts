import { resolve } from 'node:path';
import { writeHooks } from '@dotline/mesh-repository/hook-files';
import { prepareRepository } from '@dotline/mesh-repository/installed-repository';
import { DOTLINE } from './dotline-command.js';
import { hookArguments } from './git-serve.js';

interface InstallOptions {
  readonly mesh?: string;
  readonly address?: string;
  readonly branch?: string;
  readonly folder: string;
  readonly for: string;
}

/** `dotline git hooks install`. @throws RepositoryError */
export async function installHooks(repository: string, options: InstallOptions): Promise<void> {
  const found = await prepareRepository(repository, options);
  const mesh = found.checkout ?? (options.mesh === undefined ? undefined : resolve(options.mesh));
  const args = hookArguments({
    ...(mesh === undefined ? {} : { mesh }),
    ...(options.address === undefined ? {} : { address: options.address }),
    branch: found.branch,
    folder: options.folder,
    for: options.for,
  });
  await writeHooks(found.hooksFolder, {
    dotline: DOTLINE,
    args,
    branch: found.branch,
    checkout: found.checkout,
  });
  console.log(`${found.hooksFolder} checks what is pushed to ${found.branch}.`);
  if (mesh === undefined && options.address === undefined) {
    console.log('Pushers are not told when it is enforced: name the page server with --address.');
  }
}
