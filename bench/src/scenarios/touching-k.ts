import { changesTouching, unmeasuredChange } from './one-endpoint.js';
import type { Visit } from './visit.js';

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
      // Sidecars that earlier changes passed by get those now: not part of a change's cost.
      await unmeasuredChange(visit, touched);
      await changesTouching(visit, `touching ${touched}`, touched, changes);
    }
  }
}
