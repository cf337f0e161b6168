import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { loadPolicy } from '@open-policy-agent/opa-wasm';

/** What the thread is started with. */
export interface DecisionPolicy {
  readonly wasm: Uint8Array;
  /** JSON text. */
  readonly data: string;
  readonly entrypoint: string;
  /** Whether other threads go first. */
  readonly givesWay: boolean;
}

export interface DecisionRequest {
  readonly id: number;
  readonly input: unknown;
}

/** `ready` comes once, first. `rules` are indexes of the rules that allow the request. */
export type DecisionAnswer =
  | { readonly ready: true }
  | { readonly id: number; readonly rules: readonly number[] }
  | { readonly id: number; readonly error: string };

/** 64 MiB in pages of 64 KiB: a policy that needs more ends itself, not the process. */
const MEMORY = { initial: 16, maximum: 1024 };

/** The least that there is. */
const NICE_MAX = 19;

const { wasm, data, entrypoint, givesWay } = workerData as DecisionPolicy;
// On Linux a priority is that of the calling thread: https://man7.org/linux/man-pages/man2/setpriority.2.html
if (givesWay) setPriority(NICE_MAX);
const policy = await loadPolicy(wasm, MEMORY);
policy.setData(new TextEncoder().encode(data).buffer);

parentPort?.on('message', ({ id, input }: DecisionRequest) => {
  parentPort?.postMessage(decide(id, input));
});
parentPort?.postMessage({ ready: true } satisfies DecisionAnswer);

function decide(id: number, input: unknown): DecisionAnswer {
  try {
    const answer: { result: { rule: number }[] }[] = policy.evaluate(input, entrypoint);
    return { id, rules: (answer[0]?.result ?? []).map(({ rule }) => rule) };
  } catch (error) {
    // The SDK throws texts and plain objects as well as errors.
    const message = (error as { message?: unknown } | null)?.message ?? error;
    return { id, error: String(message) };
  }
}
