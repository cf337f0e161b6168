import { describe, expect, it } from '@jest/globals';
import { SingleFlight } from './single-flight.js';

describe('a single flight', () => {
  it('runs at once, and once more for all requests during a run', async () => {
    const runs: (() => void)[] = [];
    const flight = new SingleFlight(() => new Promise((resolve) => runs.push(resolve)));
    const first = flight.request();
    expect(runs).toHaveLength(1);
    expect(flight.superseded).toBe(false);
    const rest = [flight.request(), flight.request(), flight.request()];
    expect(flight.superseded).toBe(true);
    runs[0]?.();
    await Promise.resolve();
    await Promise.resolve();
    expect(runs).toHaveLength(2);
    expect(flight.superseded).toBe(false);
    runs[1]?.();
    await Promise.all([first, ...rest]);
    expect(runs).toHaveLength(2);
  });

  it('runs nothing more once it is closed', async () => {
    let runs = 0;
    const flight = new SingleFlight(async () => {
      runs += 1;
    });
    await flight.request();
    await flight.close();
    await flight.request();
    expect(runs).toBe(1);
  });
});
