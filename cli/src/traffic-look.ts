import type { TrafficLook } from '@dotline/control-plane/change-preview/preview-policies';
import type { AllowedTrafficView } from '@dotline/topology-ui/policy-view';
import { ApiError, readApi, UnavailableError } from './page-server-client.js';

/** The traffic of the last days, or why it cannot be seen. @param address of the page server, once it is known */
export async function lookAtTraffic(
  address: string | Promise<string>,
  days: number,
): Promise<TrafficLook> {
  try {
    const path = `/api/traffic/allowed?days=${days}`;
    return { seen: await readApi<AllowedTrafficView>(await address, path) };
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return { notSeen: error.message };
  }
}

/** No mesh answers, or a store that it would answer from is away. */
export function isAbsence(error: unknown): error is UnavailableError | ApiError {
  return error instanceof UnavailableError || (error instanceof ApiError && error.status >= 500);
}
