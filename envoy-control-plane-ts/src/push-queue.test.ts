import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { PushQueue } from './push-queue.js';

function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('PushQueue', () => {
  it('waits for nothing when nothing else is coming', async () => {
    const queue = new PushQueue();
    let pushes = 0;
    const turn = queue.turn(() => {
      pushes += 1;
    });
    turn.due();
    await nextTurn();
    expect(pushes).toBe(1);
    turn.due();
    await nextTurn();
    expect(pushes).toBe(2);
  });

  it('merges a storm of changes into one push of each stream', async () => {
    const queue = new PushQueue();
    const pushes = [0, 0];
    const streams = pushes.map((_, index) =>
      queue.turn(() => {
        pushes[index] = (pushes[index] ?? 0) + 1;
      }),
    );
    for (let change = 0; change < 1_000; change += 1) {
      for (const stream of streams) {
        stream.due();
      }
    }
    await nextTurn();
    await nextTurn();
    expect(pushes).toEqual([1, 1]);
  });

  it('merges changes that go on for long into a few pushes, and loses the last of none', async () => {
    const queue = new PushQueue();
    let [state, pushed, pushes] = [0, 0, 0];
    const turn = queue.turn(() => {
      pushed = state;
      pushes += 1;
    });
    const start = performance.now();
    while (performance.now() - start < 500) {
      state += 1;
      turn.due();
      await nextTurn();
    }
    expect(state).toBeGreaterThan(100);
    while (pushed !== state) {
      await sleep(10);
    }
    // Four at once, and ten a second from then on.
    expect(pushes).toBeLessThanOrEqual(4 + (10 * (performance.now() - start)) / 1_000 + 1);
  });

  it('lets requests be read between slices of a long wave', async () => {
    const queue = new PushQueue();
    let pushes = 0;
    for (let stream = 0; stream < 50; stream += 1) {
      const turn = queue.turn(() => {
        busy(2);
        pushes += 1;
      });
      turn.due();
    }
    await nextTurn();
    await nextTurn();
    const beforeTheRequest = pushes;
    expect(beforeTheRequest).toBeGreaterThan(0);
    expect(beforeTheRequest).toBeLessThan(50);
    while (pushes < 50) {
      await nextTurn();
    }
  });

  it('forgets a stream that is over', async () => {
    const queue = new PushQueue();
    const pushed: string[] = [];
    const over = queue.turn(() => {
      pushed.push('over');
    });
    const next = queue.turn(() => {
      pushed.push('next');
    });
    over.due();
    next.due();
    over.close();
    await nextTurn();
    expect(pushed).toEqual(['next']);
  });
});
