import { Agent, request } from 'undici';

const PROBE_TIMEOUT_MS = 2000;

/** What a process said of itself: `silent` when it did not answer at all. */
export type ProbeResult = 'ready' | 'not-ready' | 'silent';

/** Asks the app and the sidecar of one instance how they are, over connections that are kept. */
export class InstanceProbe {
  readonly #app: Agent | undefined;
  readonly #sidecar = new Agent({ connections: 1 });

  /** @param appSocket absent when there is no app, which then is always ready */
  constructor(
    appSocket: string | undefined,
    private readonly adminAddress: string,
  ) {
    this.#app =
      appSocket === undefined
        ? undefined
        : new Agent({ connect: { socketPath: appSocket }, connections: 1 });
  }

  async app(): Promise<ProbeResult> {
    return this.#app === undefined ? 'ready' : probe(this.#app, 'http://app/healthz');
  }

  sidecar(): Promise<ProbeResult> {
    return probe(this.#sidecar, `http://${this.adminAddress}/ready`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#app?.destroy(), this.#sidecar.destroy()]);
  }
}

async function probe(dispatcher: Agent, url: string): Promise<ProbeResult> {
  try {
    const response = await request(url, {
      dispatcher,
      headersTimeout: PROBE_TIMEOUT_MS,
      bodyTimeout: PROBE_TIMEOUT_MS,
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.body.dump();
    return response.statusCode === 200 ? 'ready' : 'not-ready';
  } catch {
    return 'silent';
  }
}
