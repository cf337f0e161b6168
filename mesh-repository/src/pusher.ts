/**
 * Who pushes, as the machine that takes the push knows it:
 * - `REMOTE_USER`, which an HTTP server sets to whom it has authenticated;
 * - `DOTLINE_PUSHER`, which `sshd` sets by the key (`environment=` in `authorized_keys`);
 * - else the account that the hook runs as, which over SSH is the pusher's own.
 *
 * Names in commits and in Git's configuration are what their author likes, and are not asked. Whoever
 * reaches the repository's files himself can set any of these, but could as well write to the files.
 */
export function pusherFrom(environment: NodeJS.ProcessEnv, account: string): string {
  const said = environment.REMOTE_USER || environment.DOTLINE_PUSHER;
  return said || account;
}
