/** What a price depends on. */
export interface Ride {
  readonly distanceMetres: number;
  readonly durationSeconds: number;
  /** Drivers without an order near the pickup; undefined when unknown. */
  readonly freeDrivers: number | undefined;
}

export interface Price {
  readonly amountCents: number;
  /** Factor for a short supply of drivers, 1 to 2. */
  readonly surge: number;
}

const BASE_CENTS = 250;
const CENTS_PER_KILOMETRE = 110;
const CENTS_PER_MINUTE = 25;
const MINIMUM_CENTS = 600;
const ROUNDED_TO_CENTS = 10;

/** With this many free drivers or more there is no surge. */
const DRIVERS_ENOUGH = 8;
const SURGE_MAX = 2;

/** Base, way and time, multiplied by the surge, rounded up to ten cents. */
export function price(ride: Ride): Price {
  const way = (ride.distanceMetres / 1000) * CENTS_PER_KILOMETRE;
  const time = (ride.durationSeconds / 60) * CENTS_PER_MINUTE;
  const surge = surgeFor(ride.freeDrivers ?? DRIVERS_ENOUGH);
  const cents = Math.max(BASE_CENTS + way + time, MINIMUM_CENTS) * surge;
  return { amountCents: Math.ceil(cents / ROUNDED_TO_CENTS) * ROUNDED_TO_CENTS, surge };
}

/** Rises evenly from 1 with enough drivers to its maximum with none; in steps of a tenth. */
function surgeFor(freeDrivers: number): number {
  const lacking = Math.max(0, DRIVERS_ENOUGH - freeDrivers) / DRIVERS_ENOUGH;
  return Math.round((1 + lacking * (SURGE_MAX - 1)) * 10) / 10;
}
