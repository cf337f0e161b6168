import { endProcess } from './end-process.js';
import { type ServiceParts, serve } from './serve.js';

/** Something to close when the service stops: a store, a loop. */
export interface Closeable {
  close(): Promise<void>;
}

/**
 * Serves until SIGTERM or SIGINT, then closes the socket and after it `resources`, in order, and ends
 * the process.
 */
export async function runService(
  parts: ServiceParts & { readonly resources: readonly Closeable[] },
): Promise<void> {
  const running = await serve(parts);
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    parts.log.info({ signal }, 'stopping');
    for (const resource of [running, ...parts.resources]) {
      await resource.close().catch((error: unknown) => {
        parts.log.error({ err: error }, 'could not close');
      });
    }
    await endProcess();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
