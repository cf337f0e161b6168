const LAST_WORDS_MS_MAX = 1500;

const hooks: (() => Promise<void>)[] = [];

/** Has something done when the service has stopped and before its process ends, such as sending what is left. */
export function beforeEnd(hook: () => Promise<void>): void {
  hooks.push(hook);
}

/** Runs the hooks, for a short while at most, and ends the process whatever still goes on in it. */
export async function endProcess(): Promise<never> {
  setTimeout(() => process.exit(), LAST_WORDS_MS_MAX);
  await Promise.allSettled(hooks.map((hook) => hook()));
  process.exit();
}
