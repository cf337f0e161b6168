import type { RequestPolicyDocument } from '@dotline/policies/request-policy-document';
import { LRUCache } from 'lru-cache';
import type { PolicySource } from './policy-source.js';
import { PolicyThread } from './policy-thread.js';
import { UndecidedError } from './undecided-error.js';

/** A host runs instances of a few teams, each with one policy and, during a rollout, two. */
const LOADED_MAX = 32;

/** A policy that can be asked. */
export interface LoadedPolicy {
  readonly document: RequestPolicyDocument;
  readonly thread: PolicyThread;
}

/** The policies that this host's sidecars ask by, loaded when they are first asked for. */
export class LoadedPolicies {
  readonly #loaded = new LRUCache<string, LoadedPolicy>({
    max: LOADED_MAX,
    dispose: ({ thread }) => void thread.close(),
  });
  readonly #loading = new Map<string, Promise<LoadedPolicy>>();

  constructor(private readonly source: Pick<PolicySource, 'read'>) {}

  /** @throws UndecidedError */
  async get(hash: string): Promise<LoadedPolicy> {
    const known = this.#loaded.get(hash);
    if (known !== undefined) return known;
    const underway = this.#loading.get(hash);
    if (underway !== undefined) return underway;
    const loading = this.#load(hash).finally(() => this.#loading.delete(hash));
    this.#loading.set(hash, loading);
    return loading;
  }

  get size(): number {
    return this.#loaded.size;
  }

  close(): void {
    this.#loaded.clear();
  }

  async #load(hash: string): Promise<LoadedPolicy> {
    try {
      const document = await this.source.read(hash);
      const { data, entrypoint } = document;
      const wasm = Buffer.from(document.wasm, 'base64');
      const loaded = { document, thread: new PolicyThread({ wasm, data, entrypoint }) };
      this.#loaded.set(hash, loaded);
      return loaded;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new UndecidedError('policy is not here', detail, { cause: error });
    }
  }
}
