import { type ProxyConfig, ProxyUnavailableError, proxyConfig } from './config-dump.js';

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Asks an Envoy for everything that it was given by xDS; secrets are left out.
 * @param adminAddress `host:port`
 * @throws ProxyUnavailableError
 */
export async function readProxyConfig(adminAddress: string): Promise<ProxyConfig> {
  let dump: unknown;
  try {
    const response = await fetch(`http://${adminAddress}/config_dump?include_eds`, {
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    dump = await response.json();
  } catch (error) {
    const reason = error instanceof Error ? (error.cause ?? error) : error;
    throw new ProxyUnavailableError(
      `Envoy does not answer at ${adminAddress}: ${reason instanceof Error ? reason.message : reason}`,
      { cause: error },
    );
  }
  return proxyConfig(dump);
}
