import { z } from 'zod';
import { PeerError, type Peers } from '../../runtime/peers.js';
import { toDriver, toRider } from './message.js';
import type { Order, Outcome, Place } from './order-store.js';

/** How often an order asks for a driver before the rider is told that there is none. */
const MATCH_ATTEMPTS_MAX = 5;
const MATCH_AGAIN_IN_MS = 1000;

const Assessment = z.object({ decision: z.enum(['accept', 'reject']) });
const Reservation = z.object({ driverId: z.string().min(1) });
const Charge = z.object({ id: z.string() });

/** A step's end: something to record, or a wish to be tried again. */
export type StepResult = Outcome | { readonly againInMs: number };

/**
 * The remote work of each state. Every step may run again after a crash at any point: what it asks
 * of others is idempotent by the order's id.
 */
export class Steps {
  constructor(
    private readonly peers: Peers,
    /** How many times faster than the city's clock rides go. */
    private readonly rideSpeedup: number,
  ) {}

  /** @throws PeerError or PeerUnreachable when the step could not be done this time */
  async run(order: Order): Promise<StepResult> {
    switch (order.state) {
      case 'requested':
        return this.#assess(order);
      case 'accepted':
        return this.#match(order);
      case 'matched':
        return this.#pay(order);
      case 'riding':
        return this.#arrive(order);
      default:
        throw new Error(`order ${order.id} is ${order.state} and has no next step`);
    }
  }

  /** Gives the order's driver back, who then is at the given place; harmless without a driver. */
  async releaseDriver(orderId: string, at: Place): Promise<void> {
    const path = `/v1/reservations/${orderId}/release`;
    const body = { lat: at.lat, lon: at.lon };
    await this.peers.call({ callee: 'drivers', method: 'POST', path, body }, z.unknown());
  }

  async #assess(order: Order): Promise<StepResult> {
    const { amountCents } = order.ride;
    const body = { orderId: order.id, riderId: order.riderId, amountCents };
    const path = '/v1/assessments';
    const request = { callee: 'fraud', method: 'POST', path, body } as const;
    const { decision } = await this.peers.call(request, Assessment);
    if (decision === 'accept') return { event: 'fraud-accepted' };
    const text = 'We could not accept your order';
    return { event: 'fraud-rejected', messages: [toRider(order, 'rejected', text)] };
  }

  async #match(order: Order): Promise<StepResult> {
    const { from, to } = order.ride;
    const body = { orderId: order.id, at: { lat: from.lat, lon: from.lon } };
    const request = { callee: 'drivers', method: 'POST', path: '/v1/reservations', body } as const;
    try {
      const { driverId } = await this.peers.call(request, Reservation);
      return {
        event: 'driver-reserved',
        driverId,
        messages: [
          toRider(order, 'matched', `Driver ${driverId} is on the way to ${from.name}`),
          toDriver(order, driverId, 'matched', `Pick up at ${from.name}, to ${to.name}`),
        ],
      };
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      if (order.attempts < MATCH_ATTEMPTS_MAX) return { againInMs: MATCH_AGAIN_IN_MS };
      const text = 'No driver is free near you';
      return { event: 'nobody-free', messages: [toRider(order, 'unmatched', text)] };
    }
  }

  async #pay(order: Order): Promise<StepResult> {
    const { amountCents, durationSeconds, from } = order.ride;
    const body = { id: order.id, riderId: order.riderId, driverId: order.driverId, amountCents };
    const request = { callee: 'payment', method: 'POST', path: '/v1/charges', body } as const;
    try {
      await this.peers.call(request, Charge);
      const nextStepInMs = Math.ceil((durationSeconds * 1000) / this.rideSpeedup);
      return { event: 'paid', nextStepInMs };
    } catch (error) {
      if (statusOf(error) !== 402) throw error;
      await this.releaseDriver(order.id, from);
      const text = 'Your card was declined';
      return { event: 'card-declined', messages: [toRider(order, 'declined', text)] };
    }
  }

  async #arrive(order: Order): Promise<StepResult> {
    const { to, amountCents, currency } = order.ride;
    await this.releaseDriver(order.id, to);
    const paid = `${(amountCents / 100).toFixed(2)} ${currency}`;
    const messages = [toRider(order, 'completed', `You are at ${to.name}; you paid ${paid}`)];
    if (order.driverId !== null)
      messages.push(toDriver(order, order.driverId, 'completed', `Done at ${to.name}`));
    return { event: 'arrived', messages };
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof PeerError ? error.answer.status : undefined;
}
