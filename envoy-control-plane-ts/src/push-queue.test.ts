import { setImmediate as nextTurn } from 'node:timers/promises';
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
    queue.add(() => {
      pushes += 1;
    });
    await nextTurn();
    expect(pushes).toBe(1);
  });

  it('merges a storm of changes into one push of each stream', async () => {
    const queue = new PushQueue();
    const pushes = [0, 0];
    const streams = pushes.map((_, index) => () => {
      pushes[index] = (pushes[index] ?? 0) + 1;
    });
    for (let change = 0; change < 1_000; change += 1) {
      for (const stream of streams) {
        queue.add(stream);
      }
    }
    await nextTurn();
    await nextTurn();
    expect(pushes).toEqual([1, 1]);
  });

  it('lets requests be read between slices of a long wave', async () => {
    const queue = new PushQueue();
    let pushes = 0;
    for (let stream = 0; stream < 50; stream += 1) {
      queue.add(() => {
        busy(2);
        pushes += 1;
      });
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
    const over = () => {
      pushed.push('over');
    };
    queue.add(over);
    queue.add(() => {
      pushed.push('next');
    });
    queue.remove(over);
    await nextTurn();
    expect(pushed).toEqual(['next']);
  });
});
