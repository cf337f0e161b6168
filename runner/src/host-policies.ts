import { setTimeout as sleep } from 'node:timers/promises';
import { fetch } from 'undici';
import { bounded } from './bounded.js';
import type { ControlPlaneClient } from './control-plane-client.js';

/** A question waits so long for news; so long, too, may sidecars go on asking that are given another configuration. */
const WAIT_MS = 20_000;
const RETRY_MS = 1_000;
/** Loading what there is; the control plane waits for a part of it. */
const PREPARE_MS_MAX = 20_000;

/** The authorizer does not start, or does not take what it is to have at hand. */
class AuthorizerError extends Error {
  override readonly name = 'AuthorizerError';

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

interface Parts {
  readonly client: Pick<ControlPlaneClient, 'wantedPolicies'>;
  readonly host: string;
  /** Of the authorizer's health and metrics. */
  readonly authorizerUrl: string;
  /** Resolves when it answers. @throws when it does not */
  readonly startAuthorizer: () => Promise<void>;
  readonly stopAuthorizer: () => Promise<void>;
  readonly problem: (error: unknown) => void;
}

/**
 * Has the authorizer of this host run while some team decides single requests, and have those teams' policies at
 * hand before sidecars ask by them: it follows what the control plane wants, and says when it is done.
 */
export class HostPolicies {
  readonly #stop = new AbortController();
  #has = '';
  #isRunning = false;
  #isEmpty = true;
  #following: Promise<void> = Promise.resolve();

  constructor(private readonly parts: Parts) {}

  /** Resolves when the authorizer is ready for what is wanted now; from here on it follows. @throws Error */
  async start(): Promise<void> {
    await this.#step(0);
    this.#following = this.#follow();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let told = '';
    while (!signal.aborted) {
      try {
        await this.#step(WAIT_MS);
        told = '';
      } catch (error) {
        if (signal.aborted) return;
        // One line for each new reason.
        if (error instanceof AuthorizerError && error.message !== told) {
          told = error.message;
          this.parts.problem(error);
        }
        // The control plane is away: the supervisor repairs it, and the next question is answered.
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #step(waitMs: number): Promise<void> {
    const { client, host, stopAuthorizer } = this.parts;
    const isIdle = this.#isRunning && this.#isEmpty;
    const asked = { host, has: this.#has, waitMs };
    const wanted = await client.wantedPolicies(asked, this.#stop.signal);
    const isEmpty = wanted.live.length === 0 && wanted.staged.length === 0;
    if (!isEmpty) {
      await this.#ready(wanted).catch((cause: unknown) => {
        throw new AuthorizerError(cause);
      });
    } else if (isIdle && wanted.version === this.#has) {
      // Nothing has been wanted for a whole question.
      await stopAuthorizer();
      this.#isRunning = false;
    }
    this.#isEmpty = isEmpty;
    this.#has = wanted.version;
  }

  async #ready({ live, staged }: { live: readonly string[]; staged: readonly string[] }) {
    if (!this.#isRunning) await this.parts.startAuthorizer();
    this.#isRunning = true;
    const response = await bounded(PREPARE_MS_MAX, this.#stop.signal, async (signal) => {
      const body = JSON.stringify({ live, staged });
      const answer = await fetch(`${this.parts.authorizerUrl}/policies`, {
        method: 'PUT',
        body,
        signal,
      });
      await answer.arrayBuffer();
      return answer;
    });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
  }
}
