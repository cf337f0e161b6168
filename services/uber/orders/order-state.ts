/** Where an order is on its way. The last six are final. */
export type OrderState =
  | 'requested'
  | 'accepted'
  | 'matched'
  | 'riding'
  | 'completed'
  | 'rejected'
  | 'unmatched'
  | 'declined'
  | 'cancelled'
  | 'failed';

/** What happened to an order. */
export type OrderEvent =
  | 'fraud-accepted'
  | 'fraud-rejected'
  | 'driver-reserved'
  | 'nobody-free'
  | 'paid'
  | 'card-declined'
  | 'arrived'
  | 'cancel'
  | 'give-up';

/** The whole machine: an event that a state does not list is impossible there. */
const MACHINE: Readonly<Record<OrderState, Readonly<Partial<Record<OrderEvent, OrderState>>>>> = {
  requested: {
    'fraud-accepted': 'accepted',
    'fraud-rejected': 'rejected',
    cancel: 'cancelled',
    'give-up': 'failed',
  },
  accepted: {
    'driver-reserved': 'matched',
    'nobody-free': 'unmatched',
    cancel: 'cancelled',
    'give-up': 'failed',
  },
  matched: { paid: 'riding', 'card-declined': 'declined', 'give-up': 'failed' },
  // A ride that is paid for is never given up.
  riding: { arrived: 'completed' },
  completed: {},
  rejected: {},
  unmatched: {},
  declined: {},
  cancelled: {},
  failed: {},
};

export const ORDER_STATES = Object.keys(MACHINE) as readonly OrderState[];

/** The state after an event, or undefined when the event is impossible. */
export function stateAfter(state: OrderState, event: OrderEvent): OrderState | undefined {
  return MACHINE[state][event];
}

/** Whether nothing can happen to the order any more. */
export function isFinal(state: OrderState): boolean {
  return Object.keys(MACHINE[state]).length === 0;
}
