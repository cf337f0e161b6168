import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Phone } from '../../runtime/traffic/phone.js';
import type { Rider } from './riders.js';

const POLL_MS = 1000;
const POLLS_MAX = 120;
const SEARCHES_MAX = 5;
/** The city's corners; a phone knows where it is. */
const CITY = { south: 52.33, north: 52.41, west: 4.83, east: 4.96 };

const Session = z.object({ token: z.string(), accountId: z.uuid() });
const Place = z.object({ id: z.string(), name: z.string() });
const Places = z.object({ places: z.array(Place) });
const Created = z.object({ id: z.uuid() });
const Order = z.object({ id: z.uuid(), state: z.string() });
const Inbox = z.object({ notifications: z.array(z.object({ id: z.string() })) });

const UNFINISHED = new Set(['requested', 'accepted', 'matched', 'riding']);

/** One rider's way from opening the app to the end of a ride. */
export class Journey {
  constructor(
    private readonly phone: Phone,
    private readonly rider: Rider,
    /** Mean time between two taps. */
    private readonly thinkMs: number,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * @returns the order's final state
   * @throws JourneyEnded when a service did not do its part; AbortError when the app is closed
   */
  async run(): Promise<string> {
    const { token, accountId } = await this.#signIn();
    const headers = { authorization: `Bearer ${token}` };
    await this.#openProfile(accountId, headers);
    await this.#think();
    const estimateId = await this.#askForFare();
    await this.#think();
    const order = await this.#order(estimateId, headers);
    const state = await this.#followOrder(order, headers);
    await this.#readInbox(accountId, headers);
    return state;
  }

  async #signIn(): Promise<z.infer<typeof Session>> {
    const { email, password, isNew } = this.rider;
    const body = { email, password };
    if (isNew) {
      // 409: registered by an earlier run of this app.
      const expect = [201, 409];
      const at = { callee: 'accounts', operation: 'register', path: '/v1/accounts' } as const;
      await this.phone.send({ ...at, method: 'POST', body, expect });
      this.rider.isNew = false;
    }
    const at = { callee: 'accounts', operation: 'sign-in', path: '/v1/sessions' } as const;
    return this.phone.ask({ ...at, method: 'POST', body, expect: [201] }, Session);
  }

  async #openProfile(accountId: string, headers: Record<string, string>): Promise<void> {
    const to = { callee: 'uber-profile', path: `/v1/profiles/${accountId}`, headers };
    const found = await this.phone.send({
      ...to,
      operation: 'get',
      method: 'GET',
      expect: [200, 404],
    });
    if (found.status === 200) return;
    const body = { name: this.rider.name, phone: this.rider.phone };
    await this.phone.send({ ...to, operation: 'save', method: 'PUT', body, expect: [200] });
  }

  async #askForFare(): Promise<string> {
    const pickup = await this.#whereAmI();
    const destination = await this.#destination(pickup.id);
    const body = { fromPlaceId: pickup.id, toPlaceId: destination.id };
    const at = { callee: 'fare', operation: 'estimate', path: '/v1/estimates' } as const;
    return (await this.phone.ask({ ...at, method: 'POST', body, expect: [201] }, Created)).id;
  }

  async #whereAmI(): Promise<z.infer<typeof Place>> {
    const lat = CITY.south + Math.random() * (CITY.north - CITY.south);
    const lon = CITY.west + Math.random() * (CITY.east - CITY.west);
    const path = `/v1/nearest?lat=${lat.toFixed(5)}&lon=${lon.toFixed(5)}`;
    const at = { callee: 'maps', operation: 'nearest', path } as const;
    return this.phone.ask({ ...at, method: 'GET', expect: [200] }, Place);
  }

  /** Types the beginning of a name, until something elsewhere is found. */
  async #destination(pickupId: string): Promise<z.infer<typeof Place>> {
    for (let search = 1; ; search += 1) {
      // Letter x to z are rare at the beginning of a street's name, and so is the first try there.
      const letter = String.fromCharCode(97 + Math.floor(Math.random() * 26));
      const path = `/v1/places?text=${search < SEARCHES_MAX ? letter : ''}&limit=20`;
      const at = { callee: 'maps', operation: 'search', path } as const;
      const { places } = await this.phone.ask({ ...at, method: 'GET', expect: [200] }, Places);
      const others = places.filter((place) => place.id !== pickupId);
      const choice = others[Math.floor(Math.random() * others.length)];
      if (choice !== undefined) return choice;
      if (search === SEARCHES_MAX) throw new Error('the city has no second place');
    }
  }

  async #order(estimateId: string, headers: Record<string, string>): Promise<string> {
    const at = { callee: 'orders', operation: 'create', path: '/v1/orders' } as const;
    const keyed = { ...headers, 'idempotency-key': randomUUID() };
    const call = {
      ...at,
      method: 'POST',
      body: { estimateId },
      headers: keyed,
      expect: [201],
    } as const;
    return (await this.phone.ask(call, Order)).id;
  }

  async #followOrder(id: string, headers: Record<string, string>): Promise<string> {
    const at = { callee: 'orders', operation: 'get', path: `/v1/orders/${id}` } as const;
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      await sleep(POLL_MS, undefined, { signal: this.signal });
      const { state } = await this.phone.ask(
        { ...at, method: 'GET', headers, expect: [200] },
        Order,
      );
      if (!UNFINISHED.has(state)) return state;
    }
    return 'unfinished';
  }

  async #readInbox(accountId: string, headers: Record<string, string>): Promise<void> {
    const path = `/v1/inboxes/rider:${accountId}?limit=10`;
    const at = { callee: 'uber-notification', operation: 'list', path } as const;
    await this.phone.ask({ ...at, method: 'GET', headers, expect: [200] }, Inbox);
  }

  /** Half to one and a half of the mean. */
  async #think(): Promise<void> {
    await sleep(this.thinkMs * (0.5 + Math.random()), undefined, { signal: this.signal });
  }
}
