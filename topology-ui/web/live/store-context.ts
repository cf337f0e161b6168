import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Store } from './store.js';

export const StoreContext = createContext<Store | null>(null);

/** The page's store. Throws when a component stands outside of the page. */
export function useStore(): Store {
  const store = useContext(StoreContext);
  if (store === null) throw new Error('A component reads the store outside of StoreContext');
  return store;
}
