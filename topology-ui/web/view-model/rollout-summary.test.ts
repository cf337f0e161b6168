import type { RolloutView } from '@dotline/topology-ui/api';
import { expect, it } from '@jest/globals';
import { rolloutSummary } from './rollout-summary.js';

const running: RolloutView = {
  rollout: '7',
  revision: 'bbb',
  baseline: 'aaa',
  state: 'running',
  phase: 'watching',
  step: 'switch',
  wave: 'canary',
  waves: ['canary', 'all'],
  sidecars: { moved: 2, touched: 12 },
  startedAtMs: 1,
  sinceMs: 2,
  holdMs: 10_000,
  order: null,
  reasons: [],
};

it.each([
  [{}, 'Revision bbb is watched in wave canary: 2 of the 12 sidecars that it touches.'],
  [
    { phase: 'paused', order: { action: 'pause', by: 'ann' } },
    'Revision bbb was paused by ann in wave canary: 2 of the 12 sidecars that it touches.',
  ],
  [{ state: 'rolled-back', phase: null }, 'Revision bbb was rolled back from wave canary to aaa.'],
] as [Partial<RolloutView>, string][])('%j', (change, said) => {
  expect(rolloutSummary({ ...running, ...change })).toBe(said);
});
