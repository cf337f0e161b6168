import { type ReadonlySignal, signal } from '@preact/signals';
import { formatRoute, parseRoute, type Route } from '../view-model/route.js';

export interface AddressBar {
  readonly route: ReadonlySignal<Route>;
  /** Adds an entry to the browser's history when the route changes. */
  readonly navigate: (change: Partial<Route>) => void;
}

/** Keeps the route and `location.hash` the same, in both directions. */
export function addressBar(page: Window): AddressBar {
  const route = signal(parseRoute(page.location.hash));
  page.addEventListener('hashchange', () => {
    if (page.location.hash !== formatRoute(route.peek())) {
      route.value = parseRoute(page.location.hash);
    }
  });
  return {
    route,
    navigate(change) {
      const next = { ...route.peek(), ...change };
      const hash = formatRoute(next);
      route.value = next;
      if (page.location.hash !== hash) page.location.hash = hash;
    },
  };
}
