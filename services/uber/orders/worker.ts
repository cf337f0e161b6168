import { SpanKind, trace } from '@opentelemetry/api';
import { z } from 'zod';
import type { Logger } from '../../runtime/logger.js';
import { PeerError, type Peers } from '../../runtime/peers.js';
import { contextOf } from '../../runtime/trace-parent.js';
import type { Order, OrderStore, Waiting } from './order-store.js';
import type { Steps } from './steps.js';

const AT_ONCE = 10;
/** Longer than a step's calls may take, so that a slow worker keeps its orders. */
const LEASE_MS = 30_000;
/** Another replica's new orders are found at least this often, should that replica die. */
const LOOK_AGAIN_MS_MAX = 5000;
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 10_000;
/** Before payment an order is given up after so many failed attempts at one step. */
const STEP_ATTEMPTS_MAX = 12;
/** A message that cannot be delivered for about a day is dropped. */
const MESSAGE_ATTEMPTS_MAX = 9000;

const tracer = trace.getTracer('orders');

/** Takes orders that are due through their next step, and sends messages; sleeps while none is. */
export class Worker {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(
    private readonly orders: OrderStore,
    private readonly steps: Steps,
    private readonly peers: Peers,
    private readonly log: Logger,
  ) {}

  /** Looks for work now: a new order was placed, or the service has started. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (this.#again) this.wake();
    });
  }

  async close(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #work(): Promise<void> {
    let sleepMs = LOOK_AGAIN_MS_MAX;
    try {
      do {
        this.#again = false;
        const orders = await this.orders.take(AT_ONCE, LEASE_MS);
        const messages = await this.orders.takeMessages(AT_ONCE, LEASE_MS);
        await Promise.all([
          ...orders.map((order) => this.#advance(order)),
          ...messages.map((message) => this.#send(message)),
        ]);
        const dueInMs = (await this.orders.nextDueInMs()) ?? LOOK_AGAIN_MS_MAX;
        sleepMs = Math.min(dueInMs, LOOK_AGAIN_MS_MAX);
      } while ((this.#again || sleepMs === 0) && !this.#stopped);
    } catch (error) {
      // The store is away; due orders wait in it.
      this.log.warn({ err: error }, 'could not look for work');
      sleepMs = LOOK_AGAIN_MS_MAX;
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.wake(), Math.max(sleepMs, 1));
  }

  async #advance(order: Order): Promise<void> {
    const attributes = { 'order.id': order.id, 'order.state': order.state };
    const name = `advance ${order.state}`;
    const origin = contextOf(order.traceParent);
    await tracer.startActiveSpan(name, { attributes }, origin, async (span) => {
      try {
        const result = await this.steps.run(order);
        if ('againInMs' in result) return await this.orders.postpone(order, result.againInMs);
        const state = await this.orders.record(order, result);
        this.log.info({ order: order.id, event: result.event, state }, 'order advanced');
        // It was cancelled while a driver was reserved for it.
        if (state === undefined && result.event === 'driver-reserved')
          await this.steps.releaseDriver(order.id, order.ride.from);
      } catch (error) {
        span.recordException(error instanceof Error ? error : String(error));
        await this.#failed(order, error);
      } finally {
        span.end();
      }
    });
  }

  async #failed(order: Order, error: unknown): Promise<void> {
    const { id, state, attempts } = order;
    this.log.warn({ err: error, order: id, state, attempts }, 'step failed');
    try {
      if (attempts >= STEP_ATTEMPTS_MAX && state !== 'riding') {
        // Whoever was reserved is free again when the reservation ends, should this fail too.
        await this.steps.releaseDriver(id, order.ride.from).catch(() => undefined);
        await this.orders.record(order, { event: 'give-up' });
      } else {
        await this.orders.postpone(order, retryMs(attempts));
      }
    } catch (storeError) {
      this.log.warn({ err: storeError, order: id }, 'left to its lease');
    }
  }

  async #send(message: Waiting): Promise<void> {
    const { attempts, traceParent, ...body } = message;
    const options = { kind: SpanKind.PRODUCER };
    const origin = contextOf(traceParent);
    await tracer.startActiveSpan(`send ${body.kind}`, options, origin, async (span) => {
      try {
        const path = '/v1/notifications';
        const request = { callee: 'uber-notification', method: 'POST', path, body } as const;
        await this.peers.call(request, z.unknown());
        await this.orders.settleMessage(body.id);
      } catch (error) {
        this.log.warn({ err: error, message: body.id }, 'could not send');
        const refused = error instanceof PeerError && error.answer.status === 400;
        const settle =
          refused || attempts >= MESSAGE_ATTEMPTS_MAX
            ? this.orders.settleMessage(body.id)
            : this.orders.postponeMessage(body.id, retryMs(attempts));
        await settle.catch(() => undefined);
      } finally {
        span.end();
      }
    });
  }
}

/** Doubles with each attempt, up to a bound. */
function retryMs(attempts: number): number {
  return Math.min(RETRY_MS_FIRST * 2 ** Math.min(attempts - 1, 10), RETRY_MS_MAX);
}
