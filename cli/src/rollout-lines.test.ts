import { stripVTControlCharacters } from 'node:util';
import type { RolloutView } from '@dotline/topology-ui/api';
import { describe, expect, it } from '@jest/globals';
import { ExitCode } from './exit-code.js';
import { rolloutAnswer } from './rollout-answer.js';
import { rolloutLines } from './rollout-lines.js';

const NOW_MS = 100_000;
const running: RolloutView = {
  rollout: '7',
  revision: 'bbb',
  baseline: 'aaa',
  state: 'running',
  phase: 'watching',
  step: 'switch',
  wave: 'canary',
  waves: ['canary', 'cell', 'all'],
  sidecars: { moved: 2, touched: 12 },
  startedAtMs: NOW_MS - 5_000,
  sinceMs: NOW_MS - 4_000,
  holdMs: 10_000,
  order: null,
  reasons: [],
};

describe('a rollout in waves, in words', () => {
  it.each([
    [
      'is watched',
      {},
      [
        'rollout of revision bbb: wave canary of canary, cell, all, 2 of the 12 sidecars that it touches, watched for 4s (at least 10s)',
      ],
    ],
    [
      'moves',
      { phase: 'moving' },
      [
        'rollout of revision bbb: wave canary of canary, cell, all, 2 of the 12 sidecars that it touches, switch for 4s',
      ],
    ],
    [
      'is paused',
      { phase: 'paused', order: { action: 'pause', by: 'ann' } },
      [
        'rollout of revision bbb: wave canary of canary, cell, all, 2 of the 12 sidecars that it touches, paused after 4s',
        '  paused by ann; dotline rollout resume goes on',
      ],
    ],
    [
      'went back',
      { state: 'rolled-back', phase: null, reasons: ['denials rose'] },
      [
        'revision bbb was rolled back to aaa 4s ago, from wave canary:',
        '  denials rose',
        'Commits that still have its change are held until they take it back or mend it; dotline rollback --release tries it again.',
      ],
    ],
    [
      'is done',
      { state: 'done', phase: null },
      ['the rollout of revision bbb has passed all its waves (canary, cell, all)'],
    ],
  ] as [string, Partial<RolloutView>, string[]][])('%s', (_title, change, lines) => {
    const said = rolloutLines({ ...running, ...change }, NOW_MS).map(stripVTControlCharacters);
    expect(said).toEqual(lines);
  });

  it('is good for a script only when it is done', () => {
    expect(rolloutAnswer(running).exitCode).toBe(ExitCode.no);
    expect(rolloutAnswer({ ...running, state: 'rolled-back' }).exitCode).toBe(ExitCode.no);
    expect(rolloutAnswer({ ...running, state: 'done' }).exitCode).toBe(ExitCode.ok);
    expect(rolloutAnswer(null).exitCode).toBe(ExitCode.ok);
  });
});
