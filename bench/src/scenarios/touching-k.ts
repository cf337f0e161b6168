import { setTimeout as sleep } from 'node:timers/promises';
import { markerOfChange } from '../marker.js';
import { changesTouching } from './one-endpoint.js';
import type { Visit } from './visit.js';

const arrivalMs = 60_000;
const settleMs = 500;

/** Cheap changes are repeated, since the CPU of a process is counted in steps of 10 ms. */
const cases = [
  { touched: 1, changes: 40 },
  { touched: 10, changes: 20 },
  { touched: 100, changes: 10 },
  { touched: 1_000, changes: 5 },
];

/** Changes that only k of the sidecars see: the cost should grow with k, not with the mesh. */
export async function touchingK(visit: Visit): Promise<void> {
  for (const { touched, changes } of cases) {
    if (touched <= visit.sidecars) {
      await catchUp(visit, touched);
      await changesTouching(visit, `touching ${touched}`, touched, changes);
    }
  }
}

/** Sidecars that earlier changes passed by get those with their next one: not part of its cost. */
async function catchUp(visit: Visit, touched: number): Promise<void> {
  const change = visit.nextChange();
  await visit.client.measure(markerOfChange(change), touched, arrivalMs, () =>
    visit.server.change(change, touched),
  );
  await sleep(settleMs);
}
