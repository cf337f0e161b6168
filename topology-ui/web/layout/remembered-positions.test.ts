import { describe, expect, it } from '@jest/globals';
import { type KeyValueStore, RememberedPositions } from './remembered-positions.js';

class MemoryStore implements KeyValueStore {
  readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
}

describe('remembered positions', () => {
  it('reads back whole pixels and keeps those of services that are gone', () => {
    const store = new MemoryStore();
    const memory = new RememberedPositions(store, 'mesh', 'wide');
    memory.write({ a: { x: 1.4, y: 2.6 } });
    memory.write({ b: { x: 5, y: 6 } });
    expect(memory.read()).toEqual({ a: { x: 1, y: 3 }, b: { x: 5, y: 6 } });
  });

  it('keeps meshes and shapes apart', () => {
    const store = new MemoryStore();
    new RememberedPositions(store, 'mesh', 'wide').write({ a: { x: 1, y: 1 } });
    expect(new RememberedPositions(store, 'mesh', 'tall').read()).toEqual({});
    expect(new RememberedPositions(store, 'other', 'wide').read()).toEqual({});
  });

  it.each(['{', 'null', '[]', '{"a":1,"b":["x",2],"c":[1]}'])('reads %p as nothing', (broken) => {
    const store = new MemoryStore();
    store.setItem('dotline:positions:wide:mesh', broken);
    expect(new RememberedPositions(store, 'mesh', 'wide').read()).toEqual({});
  });

  it('works without a store and with one that refuses', () => {
    const full: KeyValueStore = {
      getItem: () => null,
      setItem: () => {
        throw new Error('full');
      },
    };
    for (const store of [null, full]) {
      const memory = new RememberedPositions(store, 'mesh', 'wide');
      memory.write({ a: { x: 1, y: 1 } });
      expect(memory.read()).toEqual({});
    }
  });

  it('is bounded', () => {
    const memory = new RememberedPositions(new MemoryStore(), 'mesh', 'wide');
    memory.write(
      Object.fromEntries(Array.from({ length: 6_000 }, (_, x) => [`s${x}`, { x, y: 0 }])),
    );
    expect(Object.keys(memory.read()).length).toBe(5_000);
  });
});
