import { z } from 'zod';

const WAVES = ['canary', 'cell', 'all'] as const;

/** Part of the sidecars that a revision comes to at once. */
export type WaveName = (typeof WAVES)[number];

/** `rollout` in `mesh.yaml`: how a revision comes to the sidecars. */
export const RolloutPolicy = z
  .strictObject({
    strategy: z
      .enum(['all-at-once', 'progressive'])
      .default('all-at-once')
      .describe('progressive: in waves, each watched; it stops and rolls back by itself'),
    canaries: z
      .union([
        z.number().int().min(1).max(1_000),
        z.string().regex(/^([1-9][0-9]?|100)%$/, 'must be a number, or a percentage such as 10%'),
      ])
      .default(1)
      .describe('Of each touched service with several instances'),
    waves: z
      .array(z.enum(WAVES))
      .refine(
        (waves) =>
          waves.at(-1) === 'all' &&
          waves.every((wave, index) => index === 0 || isAfter(wave, waves[index - 1])),
        'must be some of canary, cell, all, in this order, and end with all',
      )
      .default([...WAVES]),
    cell: z
      .string()
      .optional()
      .describe('The cell of the second wave; the first with touched instances unless given'),
    holdMs: z
      .number()
      .int()
      .min(1_000)
      .max(3_600_000)
      .default(10_000)
      .describe('How long each wave is watched before the next'),
    baselineMs: z
      .number()
      .int()
      .min(10_000)
      .max(3_600_000)
      .default(300_000)
      .describe('How much of the time before the rollout it is compared with'),
    removals: z
      .enum(['in-waves', 'at-once'])
      .default('in-waves')
      .describe('at-once: what takes something away goes to all at once, and nothing reverses it'),
    withoutSignal: z
      .enum(['stop', 'go-on'])
      .default('stop')
      .describe('When nobody can say how the traffic is'),
    signalWaitMs: z
      .number()
      .int()
      .min(1_000)
      .max(600_000)
      .default(30_000)
      .describe('How much longer than holdMs a wave waits for somebody who can'),
    riseFactor: z
      .number()
      .min(1)
      .max(100)
      .default(2)
      .describe('A share of denied or failed requests so many times that before is a rise'),
    riseEventsMin: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(5)
      .describe('Fewer denied or failed requests are no rise'),
  })
  .describe('How a revision comes to the sidecars');

export type RolloutPolicy = z.infer<typeof RolloutPolicy>;

function isAfter(wave: WaveName, before: WaveName | undefined): boolean {
  return before !== undefined && WAVES.indexOf(wave) > WAVES.indexOf(before);
}
