import type { RequestPolicyDocument } from '@dotline/policies/request-policy-document';
import { LRUCache } from 'lru-cache';
import type { PolicySource } from './policy-source.js';
import { type PolicyBounds, PolicyThread } from './policy-thread.js';
import { UndecidedError } from './undecided-error.js';

/** What is loaded, and how it may run. */
export interface LoadedPoliciesBounds {
  /** Policies that are loaded at once; the one that nobody asked by for the longest time goes. */
  readonly policies: number;
  readonly each: PolicyBounds;
}

/** A policy that can be asked. */
export interface LoadedPolicy {
  readonly document: RequestPolicyDocument;
  readonly thread: PolicyThread;
}

/** The policies that this host's sidecars ask by, loaded when somebody says that they will be asked for, or asks. */
export class LoadedPolicies {
  readonly #loaded: LRUCache<string, LoadedPolicy>;
  readonly #loading = new Map<string, Promise<LoadedPolicy>>();

  constructor(
    private readonly source: Pick<PolicySource, 'read'>,
    private readonly bounds: LoadedPoliciesBounds,
  ) {
    this.#loaded = new LRUCache({
      max: bounds.policies,
      dispose: ({ thread }) => void thread.close(),
    });
  }

  /** Loads policies ahead of the first request, as many as there is room for; those there are stay as they are. */
  async prepare(hashes: readonly string[]): Promise<void> {
    const absent = hashes.slice(0, this.bounds.policies).filter((hash) => !this.#loaded.has(hash));
    const warmed = absent.map(async (hash) => (await this.get(hash)).thread.warm());
    // One that cannot be had is asked for again with the first request, which is told why.
    await Promise.allSettled(warmed);
  }

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
      const program = { wasm, data, entrypoint };
      const loaded = { document, thread: new PolicyThread(program, this.bounds.each) };
      this.#loaded.set(hash, loaded);
      return loaded;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new UndecidedError('policy is not here', detail, { cause: error });
    }
  }
}
