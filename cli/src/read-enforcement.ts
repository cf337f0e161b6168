import type { EnforcementView } from '@dotline/topology-ui/api';
import { readApi } from './page-server-client.js';

/**
 * How far a revision is, as soon as it is settled or after `waitMs`.
 * @param name its id, its commit, or `live`
 * @throws UnavailableError, ApiError
 */
export function readEnforcement(
  address: string,
  name: string,
  waitMs: number,
): Promise<EnforcementView> {
  const path = `/api/revisions/${encodeURIComponent(name)}/enforcement?waitMs=${waitMs}`;
  return readApi(address, path, waitMs);
}
