/** One line of the ledger: what an account gains (positive) or gives (negative). */
export interface Entry {
  readonly account: string;
  readonly amountCents: number;
}

/** Who pays whom for one ride. */
export interface Charge {
  /** Chosen by the caller; the same id is charged once. */
  readonly id: string;
  readonly riderId: string;
  readonly driverId: string;
  readonly amountCents: number;
}

export const REVENUE = 'revenue';
const DRIVER_SHARE = 0.75;

/** The rider's card owes the whole amount, the driver is owed three quarters, the house the rest. */
export function split(charge: Charge): Entry[] {
  const driverCents = Math.floor(charge.amountCents * DRIVER_SHARE);
  return [
    { account: `card:${charge.riderId}`, amountCents: charge.amountCents },
    { account: `driver:${charge.driverId}`, amountCents: -driverCents },
    { account: REVENUE, amountCents: driverCents - charge.amountCents },
  ];
}

/** The entries that undo others. */
export function reverse(entries: readonly Entry[]): Entry[] {
  return entries.map(({ account, amountCents }) => ({ account, amountCents: -amountCents }));
}
