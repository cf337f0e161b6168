import { type ReadonlySignal, signal } from '@preact/signals';

/** Whether a media query matches, kept current. */
export function mediaQuery(page: Window, query: string): ReadonlySignal<boolean> {
  const list = page.matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}
