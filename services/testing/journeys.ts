import { setTimeout as sleep } from 'node:timers/promises';
import type { CountsDocument } from '../runtime/traffic/counts.js';
import type { RunningProduct } from './running-product.js';

/** Asks every 200 ms; jest's own limit ends a test that waits for ever. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(200);
}

/** What an app has counted when so many journeys have ended, however they did. */
export async function countsOfJourneys(
  product: RunningProduct,
  appInstance: string,
  journeys: number,
): Promise<CountsDocument> {
  for (;;) {
    const counts = (await product.ask(appInstance, '/v1/counts')).body as CountsDocument;
    const ended = Object.values(counts.journeys).reduce((sum, count) => sum + count, 0);
    if (ended >= journeys) return counts;
    await sleep(200);
  }
}

/** Requests by `<callee>.<operation> <status>`, as an app counted them. */
export function countedRequests(counts: CountsDocument): Record<string, number> {
  return Object.fromEntries(
    counts.requests.map((line) => [`${line.callee}.${line.operation} ${line.status}`, line.count]),
  );
}

/** The same as its router saw them, and how many it denied. */
export function routedRequests(
  product: RunningProduct,
  caller: string,
): { allowed: Record<string, number>; denied: number } {
  const tally = new Map<string, number>();
  let denied = 0;
  for (const { callee, operation, status } of product.requests.filter(
    (request) => request.caller === caller,
  )) {
    const name = `${callee}.${operation} ${status}`;
    if (operation === 'denied') denied += 1;
    else tally.set(name, (tally.get(name) ?? 0) + 1);
  }
  return { allowed: Object.fromEntries(tally), denied };
}

/** Every agreed call that was made, as `<caller> <callee>.<operation>`, sorted. */
export function usedCalls(product: RunningProduct): string[] {
  const used = product.requests
    .filter(({ operation }) => operation !== 'denied')
    .map(({ caller, callee, operation }) => `${caller} ${callee}.${operation}`);
  return [...new Set(used)].sort();
}
