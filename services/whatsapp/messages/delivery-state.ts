/** How far a message has come on its way to one receiver, first to last. */
export const DELIVERY_STATES = ['sent', 'delivered', 'read'] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What a receiver's phone says. */
export type Receipt = Exclude<DeliveryState, 'sent'>;

/**
 * The state after a receipt. Receipts come late, twice and in any order, so a state only ever goes
 * forward: what is read stays read, and who has read a message has got it.
 */
export function stateAfter(state: DeliveryState, receipt: Receipt): DeliveryState {
  return rank(receipt) > rank(state) ? receipt : state;
}

/** What the sender is shown: the state of the receiver who is least far. */
export function overallState(states: readonly DeliveryState[]): DeliveryState {
  const least = Math.min(...states.map(rank));
  return DELIVERY_STATES[least] ?? 'sent';
}

function rank(state: DeliveryState): number {
  return DELIVERY_STATES.indexOf(state);
}
