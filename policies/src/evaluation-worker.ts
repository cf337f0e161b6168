import { parentPort } from 'node:worker_threads';
import { type LoadedPolicy, loadPolicy } from '@open-policy-agent/opa-wasm';
import { thisThread } from './thread-time.js';

/** A compiled policy with its data: what stays loaded for the next request that asks the same of it. */
export interface LoadedProgram {
  readonly wasm: Uint8Array;
  /** JSON text. */
  readonly data: string;
}

/** One evaluation: each entrypoint over the same data and input. */
export interface EvaluationMessage {
  /** Absent when the thread has loaded it already. */
  readonly program?: LoadedProgram;
  readonly entrypoints: readonly string[];
  /** JSON text. */
  readonly input?: string;
}

/**
 * `ready` comes first, when the thread is up and the program is loaded, then one of the others. `thread` is what
 * the system calls it.
 * `results[entrypoint]` is what the entrypoint is; absent when it is undefined.
 */
export type EvaluationAnswer =
  | { readonly ready: true; readonly thread?: string }
  | { readonly results: Readonly<Record<string, unknown>> }
  | { readonly error: string };

/** 256 MiB in pages of 64 KiB: a policy that needs more ends itself, not the process. */
const MEMORY_PAGES_MAX = 4096;
const PAGE_BYTES = 65_536;
/** A policy's memory for each byte of JSON, as measured for catalogs. */
const BYTES_FOR_JSON = 11;

const thread = thisThread();
let loaded: LoadedPolicy | undefined;

parentPort?.on('message', async (request: EvaluationMessage) => {
  parentPort?.postMessage(await answer(request));
});

async function answer(request: EvaluationMessage): Promise<EvaluationAnswer> {
  try {
    if (request.program !== undefined) {
      loaded = undefined;
      loaded = await load(request.program);
    }
    const ready = thread === undefined ? {} : { thread };
    parentPort?.postMessage({ ready: true, ...ready } satisfies EvaluationAnswer);
    if (loaded === undefined) throw new Error('no policy is loaded');
    return { results: evaluate(loaded, request) };
  } catch (error) {
    // Its memory may be full.
    loaded = undefined;
    // The SDK throws texts and plain objects as well as errors.
    return { error: messageOf(error) };
  }
}

async function load({ wasm, data }: LoadedProgram): Promise<LoadedPolicy> {
  const json = bytesOf(data);
  const initial = pagesFor(wasm.byteLength, json);
  const policy = await loadPolicy(wasm, { initial, maximum: MEMORY_PAGES_MAX });
  policy.setData(json);
  return policy;
}

function evaluate(
  policy: LoadedPolicy,
  { entrypoints, input }: EvaluationMessage,
): Record<string, unknown> {
  const results: Record<string, unknown> = {};
  const given = input === undefined ? null : bytesOf(input);
  if (given !== null) growAhead(policy, given);
  for (const entrypoint of entrypoints) {
    const answers: { result: unknown }[] = policy.evaluate(given, entrypoint);
    results[entrypoint] = answers[0]?.result;
  }
  return results;
}

/** Memory grows a page at a time, each at the price of many: what is foreseen is there from the start. */
function growAhead({ mem, dataHeapPtr }: LoadedPolicy, json: ArrayBuffer): void {
  const missing = pagesFor(dataHeapPtr, json) - mem.buffer.byteLength / PAGE_BYTES;
  if (missing > 0) mem.grow(missing);
}

function pagesFor(baseBytes: number, json: ArrayBuffer): number {
  const pages = Math.ceil((baseBytes + json.byteLength * BYTES_FOR_JSON) / PAGE_BYTES);
  return Math.min(pages + 1, MEMORY_PAGES_MAX);
}

function bytesOf(text: string): ArrayBuffer {
  return new TextEncoder().encode(text).buffer;
}

function messageOf(error: unknown): string {
  const message = textOf(error);
  return message.startsWith('opa_malloc: failed')
    ? `needs more than ${(MEMORY_PAGES_MAX * PAGE_BYTES) / 1_048_576} MiB of memory`
    : message;
}

function textOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error)
    return String(error.message);
  return String(error);
}
