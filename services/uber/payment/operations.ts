import { Router } from 'express';
import { z } from 'zod';
import { parse } from '../../runtime/problem.js';
import type { Ledger } from './ledger.js';

const Id = z.string().regex(/^[A-Za-z0-9-]{1,80}$/, 'must be letters, digits and dashes');
const Account = z.string().regex(/^[a-z]+(:[A-Za-z0-9-]{1,80})?$/, 'must be an account');
const ChargeBody = z.object({
  id: Id,
  riderId: Id,
  driverId: Id,
  amountCents: z.number().int().min(4).max(10_000_000),
});

export function paymentOperations(ledger: Ledger): Router {
  const router = Router();
  router.post('/v1/charges', async (request, response) => {
    response.status(201).json(await ledger.charge(parse(ChargeBody, request.body)));
  });
  router.get('/v1/charges/:id', async (request, response) => {
    response.json(await ledger.find(parse(Id, request.params.id)));
  });
  router.post('/v1/charges/:id/refund', async (request, response) => {
    response.json(await ledger.refund(parse(Id, request.params.id)));
  });
  router.get('/v1/balances/:account', async (request, response) => {
    const account = parse(Account, request.params.account);
    response.json({ account, balanceCents: await ledger.balanceCents(account) });
  });
  return router;
}
