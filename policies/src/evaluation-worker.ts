import { parentPort } from 'node:worker_threads';
import { loadPolicy } from '@open-policy-agent/opa-wasm';

/** One unit's work: each entrypoint evaluated over the same data. */
export interface EvaluationRequest {
  readonly id: number;
  readonly wasm: Uint8Array;
  /** JSON text. */
  readonly data: string;
  readonly entrypoints: readonly string[];
  readonly input?: unknown;
}

/**
 * `started` comes first, when the thread is up and turns to the request, then one of the others.
 * `results[entrypoint]` is what the entrypoint is; absent when it is undefined.
 */
export type EvaluationAnswer =
  | { readonly id: number; readonly started: true }
  | { readonly id: number; readonly results: Readonly<Record<string, unknown>> }
  | { readonly id: number; readonly error: string };

/** 256 MiB in pages of 64 KiB: a policy that needs more ends itself, not the process. */
const MEMORY_PAGES_MAX = 4096;
const MEMORY_PAGES_INITIAL = 16;

parentPort?.on('message', async (request: EvaluationRequest) => {
  parentPort?.postMessage({ id: request.id, started: true } satisfies EvaluationAnswer);
  parentPort?.postMessage(await evaluate(request));
});

async function evaluate(request: EvaluationRequest): Promise<EvaluationAnswer> {
  const { id } = request;
  try {
    const memory = { initial: MEMORY_PAGES_INITIAL, maximum: MEMORY_PAGES_MAX };
    const policy = await loadPolicy(request.wasm, memory);
    const data = new TextEncoder().encode(request.data);
    policy.setData(data.buffer);
    const results: Record<string, unknown> = {};
    for (const entrypoint of request.entrypoints) {
      const answer: { result: unknown }[] = policy.evaluate(request.input ?? null, entrypoint);
      results[entrypoint] = answer[0]?.result;
    }
    return { id, results };
  } catch (error) {
    // The SDK throws texts and plain objects as well as errors.
    return { id, error: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error)
    return String(error.message);
  return String(error);
}
