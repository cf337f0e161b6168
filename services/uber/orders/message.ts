import type { Order } from './order-store.js';

/** What uber-notification is asked to deliver; the id makes sending it again harmless. */
export interface Message {
  readonly id: string;
  readonly recipient: string;
  readonly kind: 'matched' | 'completed' | 'rejected' | 'unmatched' | 'declined';
  readonly text: string;
}

/** Tells the rider. */
export function toRider(order: Order, kind: Message['kind'], text: string): Message {
  return { id: `${order.id}.${kind}.rider`, recipient: `rider:${order.riderId}`, kind, text };
}

/** Tells the driver. */
export function toDriver(
  order: Order,
  driverId: string,
  kind: Message['kind'],
  text: string,
): Message {
  return { id: `${order.id}.${kind}.driver`, recipient: `driver:${driverId}`, kind, text };
}
