import { type ReadonlySignal, signal } from '@preact/signals';

const signs = ['pointermove', 'pointerdown', 'wheel', 'keydown', 'touchstart'] as const;

/**
 * Whether somebody is at the page: true until nothing was moved, touched or typed for `restMs`.
 * A page that is left open on a wall or in a tab then stops what is only for the eye.
 */
export function presence(page: Window, restMs: number): ReadonlySignal<boolean> {
  const present = signal(true);
  let lastMs = performance.now();
  const check = () => {
    const leftMs = lastMs + restMs - performance.now();
    if (leftMs <= 0) present.value = false;
    else setTimeout(check, leftMs);
  };
  const onSign = () => {
    lastMs = performance.now();
    if (present.value) return;
    present.value = true;
    setTimeout(check, restMs);
  };
  for (const sign of signs) page.addEventListener(sign, onSign, { passive: true });
  setTimeout(check, restMs);
  return present;
}
