import { callHook, type Hooks } from './hooks.js';
import type { TypedResource } from './resource.js';

/** Has the `oversize` hook called for every response of `bytesMin` or more. */
export function withOversizeEvents(hooks: Hooks, bytesMin: number): Hooks {
  const { oversize, responded } = hooks;
  if (oversize === undefined) {
    return hooks;
  }
  return {
    ...hooks,
    responded: (event) => {
      callHook(responded, event);
      if (event.bytes >= bytesMin) {
        callHook(oversize, { ...event, largest: largestOf(event.update.resources) });
      }
    },
  };
}

function largestOf(
  resources: readonly TypedResource[],
): { readonly name: string; readonly bytes: number } | undefined {
  let largest: TypedResource | undefined;
  for (const resource of resources) {
    if (largest === undefined || resource.value.length > largest.value.length) {
      largest = resource;
    }
  }
  return largest && { name: largest.name, bytes: largest.value.length };
}
