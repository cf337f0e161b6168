import { hostname, userInfo } from 'node:os';

/** The name that the audit log shows beside "operator": the caller's own word. */
export function operatorName(): string {
  return `${userInfo().username}@${hostname()}`;
}
