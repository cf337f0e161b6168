import { readFile } from 'node:fs/promises';
import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import { bounded } from './bounded.js';
import { ControlPlaneError } from './control-plane-error.js';
import type { Subject } from './subject.js';

const Signed = z.object({ certificate: z.string(), bundle: z.string(), notAfterMs: z.number() });
const Staged = z.object({
  revision: z.string(),
  live: z.string(),
  judging: z.number(),
  concerned: z.number(),
  sidecars: z.number(),
});
const Unstaged = z.object({ stopped: z.string().nullable() });
const RolledBack = z.object({
  revision: z.string(),
  from: z.string(),
  endedRules: z.array(z.string()),
});
const Released = z.object({ released: z.boolean(), revision: z.string() });
const Ordered = z.object({ revision: z.string().nullable() });
const Wanted = z.object({
  version: z.string(),
  live: z.array(z.string()),
  staged: z.array(z.string()),
});
const Kept = z.object({ id: z.string() });
const REQUEST_TIMEOUT_MS = 5000;
/** Another change may have its turn before. */
const ROLLBACK_TIMEOUT_MS = 30_000;
/** A mesh that is read anew may take some seconds. */
const RELEASE_TIMEOUT_MS = 60_000;
/** Sidecars are given what they judge by, and waited for. */
const STAGE_TIMEOUT_MS = 30_000;

/** The control plane's HTTPS API as a host uses it. */
export class ControlPlaneClient {
  #agent: Agent | undefined;
  #revision: Revision | undefined;

  constructor(
    private readonly settings: {
      readonly url: string;
      readonly caBundle: string;
      readonly joinToken: string;
    },
  ) {}

  /** Has a certificate request (PEM) signed for a service or a part of the platform. */
  async signCertificate(subject: Subject, csr: string): Promise<z.infer<typeof Signed>> {
    return Signed.parse(
      await this.#call('POST', '/v1/certificates', { body: { ...subject, csr } }),
    );
  }

  /** Says which instances this host runs; the list is complete each time. */
  async putInstances(host: string, instances: readonly Instance[]): Promise<void> {
    await this.#call('PUT', '/v1/instances', { body: { host, instances } });
  }

  /** What the authorizer of a host is to have at hand, as soon as that is something else than `has`. */
  async wantedPolicies(
    { host, has, waitMs }: { readonly host: string; readonly has: string; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<z.infer<typeof Wanted>> {
    const query = new URLSearchParams({ host, has, waitMs: String(waitMs) });
    const options = { timeoutMs: waitMs + REQUEST_TIMEOUT_MS, signal };
    return Wanted.parse(await this.#call('GET', `/v1/request-policies?${query}`, options));
  }

  /** Has the control plane keep what authorizers decide with, by its hash, unless it does. */
  async offerRequestPolicy(hash: string, document: Uint8Array): Promise<void> {
    if (await this.#has(`/request-policies/${hash}`)) return;
    await this.#call('PUT', `/v1/request-policies/${hash}`, {
      bytes: document,
      timeoutMs: STAGE_TIMEOUT_MS,
    });
  }

  /** Has sidecars judge a compiled mesh beside the live revision; resolves with how far they are. */
  async stage(content: unknown): Promise<z.infer<typeof Staged>> {
    const options = { body: content, timeoutMs: STAGE_TIMEOUT_MS };
    return Staged.parse(await this.#call('PUT', '/v1/shadow', options));
  }

  /** Ends that; resolves with the id of the revision that was judged, or `null`. */
  async unstage(by: string): Promise<string | null> {
    const path = `/v1/shadow?${new URLSearchParams({ by })}`;
    const answer = await this.#call('DELETE', path, { timeoutMs: STAGE_TIMEOUT_MS });
    return Unstaged.parse(answer).stopped;
  }

  /** Keeps a preview of a change for the page; resolves with its id. */
  async putPreview(page: unknown): Promise<string> {
    return Kept.parse(await this.#call('POST', '/v1/previews', { body: page })).id;
  }

  /** Makes an earlier revision live again. */
  async rollBack(order: {
    readonly revision?: string;
    readonly reason?: string;
    readonly by: string;
  }): Promise<z.infer<typeof RolledBack>> {
    const options = { body: order, timeoutMs: ROLLBACK_TIMEOUT_MS };
    return RolledBack.parse(await this.#call('POST', '/v1/rollback', options));
  }

  /** Ends a rollback; the answer comes when the mesh directory has been read again. */
  async releaseRollback(by: string): Promise<z.infer<typeof Released>> {
    const options = { body: { by }, timeoutMs: RELEASE_TIMEOUT_MS };
    return Released.parse(await this.#call('POST', '/v1/rollback/release', options));
  }

  /** Pauses, resumes, promotes or aborts the rollout that runs in waves; resolves with its revision. */
  async orderRollout(order: {
    readonly action: string;
    readonly by: string;
    readonly reason: string;
  }): Promise<string | null> {
    return Ordered.parse(await this.#call('POST', '/v1/rollout', { body: order })).revision;
  }

  /** The live revision, or `undefined` while there is none yet; the same object until another is live. */
  async revision(): Promise<Revision | undefined> {
    const known = this.#revision;
    try {
      const headers = known === undefined ? {} : { 'if-none-match': `"${known.id}"` };
      const answer = await this.#call('GET', '/v1/revision', { headers });
      // 304: still the one that is known.
      this.#revision = answer === undefined ? known : (answer as Revision);
      return this.#revision;
    } catch (error) {
      if (error instanceof ControlPlaneError && (error.status === 404 || error.status === 503))
        return undefined;
      throw error;
    }
  }

  async #has(path: string): Promise<boolean> {
    try {
      await this.#call('HEAD', path, {});
      return true;
    } catch (error) {
      if (error instanceof ControlPlaneError && error.status === 404) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#agent?.close();
  }

  /** The answer's JSON; `undefined` when it has no body. */
  async #call(
    method: string,
    path: string,
    {
      body,
      bytes,
      headers,
      timeoutMs = REQUEST_TIMEOUT_MS,
      signal,
    }: {
      readonly body?: unknown;
      /** In place of a body that is JSON. */
      readonly bytes?: Uint8Array;
      readonly headers?: Record<string, string>;
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<unknown> {
    this.#agent ??= new Agent({ connect: { ca: await readFile(this.settings.caBundle) } });
    const dispatcher = this.#agent;
    const { response, text } = await bounded(timeoutMs, signal, async (stop) => {
      const response = await fetch(this.settings.url + path, {
        method,
        dispatcher,
        headers: {
          authorization: `Bearer ${this.settings.joinToken}`,
          'content-type': bytes === undefined ? 'application/json' : 'application/octet-stream',
          ...headers,
        },
        signal: stop,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(bytes === undefined ? {} : { body: bytes }),
      });
      return { response, text: await response.text() };
    });
    if (!response.ok && response.status !== 304)
      throw new ControlPlaneError(
        response.status,
        text.trim().slice(0, 500) || `status ${response.status}`,
      );
    return text === '' ? undefined : JSON.parse(text);
  }
}
