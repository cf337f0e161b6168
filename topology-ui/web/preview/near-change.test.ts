import { expect, it } from '@jest/globals';
import { nearChange } from './near-change.js';
import type { ChangedEdge, PreviewPicture } from './preview-elements.js';

/** A ring of services, each of which calls the next ones. */
function ring(size: number, calls: number): PreviewPicture {
  const name = (index: number) => `s${index % size}`;
  const indices = Array.from({ length: size }, (_, index) => index);
  return {
    mesh: 'ring',
    teams: [],
    services: indices.map((index) => ({
      ...{ name: name(index), team: 't', product: 'p' },
      side: 'both' as const,
    })),
    kept: indices.flatMap((index) =>
      Array.from({ length: calls }, (_, step) => [name(index), name(index + step + 1)] as const),
    ),
  };
}

const changed: ChangedEdge[] = [
  { id: 's0->s9', caller: 's0', callee: 's9', fate: 'added', gained: [], lost: [] },
];

it('draws all of a small mesh', () => {
  const picture = ring(100, 5);
  expect(nearChange(picture, changed)).toBe(picture);
});

it('draws of a large mesh what a change touches, and what is next to that', () => {
  const { services, kept } = nearChange(ring(1_000, 3), changed);
  const near = ['s0', 's1', 's2', 's3', 's997', 's998', 's999'];
  const far = ['s6', 's7', 's8', 's9', 's10', 's11', 's12'];
  expect(services.map(({ name }) => name).sort()).toEqual([...near, ...far].sort());
  const names = new Set(services.map(({ name }) => name));
  expect(kept.length).toBeGreaterThan(12);
  expect(kept.every(([caller, callee]) => names.has(caller) && names.has(callee))).toBe(true);
});
