/** What uber-notification is asked to deliver; the id makes sending it again harmless. */
export interface Message {
  readonly id: string;
  readonly recipient: string;
  readonly kind: 'matched' | 'completed' | 'rejected' | 'unmatched' | 'declined';
  readonly text: string;
}

/** What a message says of its order. */
type About = { readonly id: string; readonly riderId: string };

/** Tells the rider. */
export function toRider(order: About, kind: Message['kind'], text: string): Message {
  return { id: `${order.id}.${kind}.rider`, recipient: `rider:${order.riderId}`, kind, text };
}

/** Tells the driver. */
export function toDriver(
  order: About,
  driverId: string,
  kind: Message['kind'],
  text: string,
): Message {
  return { id: `${order.id}.${kind}.driver`, recipient: `driver:${driverId}`, kind, text };
}
