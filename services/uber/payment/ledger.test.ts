import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { startDatabase, type TestDatabase } from '../../testing/test-database.js';
import { CHARGE_CENTS_MAX, Ledger, migrations } from './ledger.js';
import type { Charge } from './split.js';

let test: TestDatabase;
let ledger: Ledger;

beforeAll(async () => {
  test = await startDatabase(migrations);
  ledger = new Ledger(test.database);
}, 120_000);

afterAll(() => test?.remove(), 30_000);

async function totalCents(): Promise<number> {
  const [row] = await test.database.query<{ cents: string }>(
    'select coalesce(sum(amount_cents), 0) as cents from entries',
  );
  return Number(row?.cents);
}

function chargeOf(changes: Partial<Charge> = {}): Charge {
  return { id: randomUUID(), riderId: 'r1', driverId: 'd1', amountCents: 1200, ...changes };
}

describe('the ledger', () => {
  it('moves money from the card to the driver and the house, and back', async () => {
    const charge = chargeOf({ riderId: 'a', driverId: 'b' });
    expect(await ledger.charge(charge)).toEqual({ ...charge, refunded: false });
    expect(await ledger.balanceCents('card:a')).toBe(1200);
    expect(await ledger.balanceCents('driver:b')).toBe(-900);
    expect(await ledger.refund(charge.id)).toEqual({ ...charge, refunded: true });
    expect(await ledger.find(charge.id)).toEqual({ ...charge, refunded: true });
    expect(await ledger.balanceCents('card:a')).toBe(0);
    expect(await ledger.balanceCents('driver:b')).toBe(0);
  });

  it('is balanced after any charges and refunds, however often each is sent', async () => {
    const steps = fc.array(
      fc.record({
        order: fc.integer({ min: 0, max: 3 }),
        amountCents: fc.integer({ min: 4, max: CHARGE_CENTS_MAX }),
        times: fc.integer({ min: 1, max: 3 }),
        refund: fc.boolean(),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (sent) => {
        const run = randomUUID();
        const rider = `rider-${run}`;
        const expected = new Map<string, number>();
        for (const { order, amountCents, times, refund } of sent) {
          const charge = chargeOf({ id: `${run}-${order}`, riderId: rider, amountCents });
          const used = expected.has(charge.id);
          // Each is sent several times at once; a used id with another amount is refused.
          const answers = await Promise.allSettled(
            Array.from({ length: times }, () => ledger.charge(charge)),
          );
          if (!used) expected.set(charge.id, amountCents);
          if (!used) expect(answers.every(({ status }) => status === 'fulfilled')).toBe(true);
          if (refund) {
            await Promise.all([ledger.refund(charge.id), ledger.refund(charge.id)]);
            expected.set(charge.id, 0);
          }
          expect(await totalCents()).toBe(0);
        }
        const owed = [...expected.values()].reduce((sum, cents) => sum + cents, 0);
        expect(await ledger.balanceCents(`card:${rider}`)).toBe(owed);
      }),
      { numRuns: 15 },
    );
  }, 120_000);

  it('refuses an id that names another charge, a card above its limit, and what it does not know', async () => {
    const charge = chargeOf();
    await ledger.charge(charge);
    await expect(ledger.charge({ ...charge, amountCents: 1300 })).rejects.toMatchObject({
      status: 409,
    });
    const dear = chargeOf({ amountCents: CHARGE_CENTS_MAX + 1 });
    await expect(ledger.charge(dear)).rejects.toMatchObject({ status: 402 });
    await expect(ledger.find(dear.id)).rejects.toMatchObject({ status: 404 });
    await expect(ledger.refund('nothing')).rejects.toMatchObject({ status: 404 });
  });

  it('is kept balanced by the database itself', async () => {
    const charge = chargeOf();
    await ledger.charge(charge);
    const lopsided = `update entries set amount_cents = amount_cents + 1 where account = 'revenue'
      and transaction_id = (select id from transactions where charge_id = $1)`;
    await expect(test.database.query(lopsided, [charge.id])).rejects.toMatchObject({
      code: '23514',
    });
    expect(await totalCents()).toBe(0);
  });
});
