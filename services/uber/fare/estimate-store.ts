import { z } from 'zod';
import type { Valkey } from '../../runtime/valkey.js';

const Place = z.object({ id: z.string(), name: z.string(), lat: z.number(), lon: z.number() });

/** A price that holds for a while. */
export const Estimate = z.object({
  id: z.uuid(),
  from: Place,
  to: Place,
  distanceMetres: z.number(),
  durationSeconds: z.number(),
  amountCents: z.number().int(),
  currency: z.literal('EUR'),
  surge: z.number(),
  expiresAt: z.iso.datetime(),
});

export type Estimate = z.infer<typeof Estimate>;

/** How long a price holds. */
export const ESTIMATE_SECONDS = 600;

/** Estimates in Valkey, each until it expires. */
export class EstimateStore {
  constructor(private readonly valkey: Valkey) {}

  async save(estimate: Estimate): Promise<void> {
    const value = JSON.stringify(estimate);
    await this.valkey.run((redis) => redis.set(keyOf(estimate.id), value, 'EX', ESTIMATE_SECONDS));
  }

  async find(id: string): Promise<Estimate | undefined> {
    const value = await this.valkey.run((redis) => redis.get(keyOf(id)));
    return value === null ? undefined : Estimate.parse(JSON.parse(value));
  }
}

function keyOf(id: string): string {
  return `estimate:${id}`;
}
