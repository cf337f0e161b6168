import { setTimeout as sleep } from 'node:timers/promises';
import { compareResources, type ProxyComparison } from './compare-resources.js';
import { readProxyConfig } from './envoy-admin.js';
import type { HeldConfigReader } from './held-config.js';

/** A change may be under way; what is still different after this has stayed so. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Compares what the control plane holds for a sidecar with what its Envoy uses. Looks a second time
 * before it says that they differ.
 * @returns `undefined` when the control plane knows no such sidecar
 * @throws ControlPlaneUnavailableError, ProxyUnavailableError
 */
export async function compareProxy(
  held: HeldConfigReader,
  instance: string,
  adminAddress: string,
): Promise<ProxyComparison | undefined> {
  const first = await compareOnce(held, instance, adminAddress);
  if (first === undefined || first.differences.length === 0) return first;
  await sleep(LOOK_AGAIN_MS);
  return compareOnce(held, instance, adminAddress);
}

async function compareOnce(
  reader: HeldConfigReader,
  instance: string,
  adminAddress: string,
): Promise<ProxyComparison | undefined> {
  const [held, proxy] = await Promise.all([reader.read(instance), readProxyConfig(adminAddress)]);
  return held === undefined ? undefined : compareResources(held, proxy);
}
