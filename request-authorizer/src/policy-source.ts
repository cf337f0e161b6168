import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import {
  decodeRequestPolicy,
  type RequestPolicyDocument,
} from '@dotline/policies/request-policy-document';

const HASH = /^[0-9a-f]{64}$/;
/** A request waits for it; the sidecar gives up after a second. */
const FETCH_MS_MAX = 700;
const BYTES_MAX = 64 * 1024 * 1024;
const FILES_MAX = 200;

/** Where policies are had from. */
export interface PolicySourceSettings {
  readonly controlPlaneUrl: string;
  /** Root certificate, read for each connection, since it may come after this process. */
  readonly caBundle: string;
  readonly directory: string;
}

/** A policy cannot be had. */
export class PolicySourceError extends Error {
  override readonly name = 'PolicySourceError';
}

/**
 * Request policies by content hash: from this host's disk, else from the control plane. What was had once is here
 * for good, whether the control plane lives or not; a hash always names the same policy.
 */
export class PolicySource {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(private readonly settings: PolicySourceSettings) {}

  /** @throws PolicySourceError, RequestPolicyDocumentError */
  async read(hash: string): Promise<RequestPolicyDocument> {
    // It becomes part of a path.
    if (!HASH.test(hash)) throw new PolicySourceError(`${hash.slice(0, 80)} is no content hash`);
    const path = join(this.settings.directory, `${hash}.json`);
    try {
      return decodeRequestPolicy(hash, await readFile(path));
    } catch {
      // Absent, or cut short by a crash.
    }
    const bytes = await this.#fetch(hash);
    const document = decodeRequestPolicy(hash, bytes);
    await this.#keep(path, bytes);
    return document;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #fetch(hash: string): Promise<Buffer> {
    const url = new URL(`/request-policies/${hash}`, this.settings.controlPlaneUrl);
    const ca = await readFile(this.settings.caBundle);
    const signal = AbortSignal.timeout(FETCH_MS_MAX);
    return new Promise((resolve, reject) => {
      const fail = (reason: string, cause?: unknown) =>
        reject(new PolicySourceError(`${url.href}: ${reason}`, { cause }));
      get(url, { agent: this.#agent, ca, signal }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > BYTES_MAX) response.destroy(new Error(`has more than ${BYTES_MAX} bytes`));
        });
        response.on('error', (error) => fail(error.message, error));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks));
          else fail(`answers ${response.statusCode}`);
        });
      }).on('error', (error) => fail(error.message, error));
    });
  }

  /** That a policy is not kept matters only after a restart. */
  async #keep(path: string, bytes: Buffer): Promise<void> {
    const { directory } = this.settings;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const unfinished = join(directory, `.${randomUUID()}`);
      await writeFile(unfinished, bytes, { mode: 0o600 });
      await rename(unfinished, path);
      await this.#prune();
    } catch {
      // The disk is full or read-only: the policy is in memory.
    }
  }

  async #prune(): Promise<void> {
    const names = await readdir(this.settings.directory);
    if (names.length <= FILES_MAX) return;
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.settings.directory, name);
        return { path, atMs: (await stat(path)).mtimeMs };
      }),
    );
    files.sort((a, b) => b.atMs - a.atMs);
    for (const { path } of files.slice(FILES_MAX)) await rm(path, { force: true });
  }
}
