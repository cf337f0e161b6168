/** Aborts at the first SIGTERM or SIGINT; later ones change nothing, since the process is ending already. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}
