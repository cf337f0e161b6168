import type { RunningShadow } from '@dotline/topology-ui/shadow-view';
import { useStore } from './store-context.js';
import { useResource } from './use-resource.js';

const REFRESH_MS = 5_000;

/** The staged revision and what it would change; `null` when none is staged or nobody can say. */
export function useShadow(): RunningShadow | null {
  const store = useStore();
  return useResource('shadow', () => store.api.shadow(), REFRESH_MS).content?.shadow ?? null;
}
