import { execFileSync } from 'node:child_process';

/** Makes all of a directory a commit, of a repository that is made if need be. @throws Error of Git */
export function commitAll(directory: string): void {
  const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
  const git = (...args: string[]) =>
    execFileSync('git', [...author, ...args], { cwd: directory, stdio: 'inherit' });
  git('init', '--quiet');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Policies');
}
