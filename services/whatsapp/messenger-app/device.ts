import { z } from 'zod';
import type { Phone } from '../../runtime/traffic/phone.js';
import type { Person } from './circles.js';

const Session = z.object({ token: z.string(), personId: z.uuid() });
const Contact = z.object({ personId: z.uuid(), name: z.string() });
const Contacts = z.object({ contacts: z.array(Contact) });
const Group = z.object({ id: z.uuid(), name: z.string() });
const Groups = z.object({ groups: z.array(Group) });
const Sent = z.object({ messageId: z.uuid() });
const State = z.object({ state: z.string() });
const Notification = z.object({ id: z.string(), messageId: z.uuid() });
const Notifications = z.object({ notifications: z.array(Notification) });
const Messages = z.object({ messages: z.array(z.object({ id: z.uuid(), text: z.string() })) });

/** A person or a group. */
export type To = { readonly personId: string } | { readonly groupId: string };

/** What waits for a phone. */
export type Waiting = z.infer<typeof Notification>;

/** Gives a person her number, unless an earlier run of the app has (409). */
export async function register(phone: Phone, person: Person): Promise<void> {
  if (!person.isNew) return;
  const body = { phone: person.phone, secret: person.secret };
  const at = { callee: 'sessions', operation: 'register', path: '/v1/people' } as const;
  await phone.send({ ...at, method: 'POST', body, expect: [201, 409] });
  person.isNew = false;
}

/** A phone on which a person is signed in. Every method throws JourneyEnded when a service did not do its part. */
export class Device {
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(
    private readonly phone: Phone,
    private readonly person: Person,
    token: string,
  ) {
    this.#headers = { authorization: `Bearer ${token}` };
  }

  static async signIn(phone: Phone, person: Person): Promise<Device> {
    const body = { phone: person.phone, secret: person.secret };
    const at = { callee: 'sessions', operation: 'sign-in', path: '/v1/sessions' } as const;
    const { token } = await phone.ask({ ...at, method: 'POST', body, expect: [201] }, Session);
    return new Device(phone, person, token);
  }

  /** Looks at the own profile, and fills it in the first time. */
  async openProfile(): Promise<void> {
    const to = { callee: 'whatsapp-profile', path: '/v1/profile', headers: this.#headers };
    const expect = [200, 404];
    const found = await this.phone.send({ ...to, operation: 'get', method: 'GET', expect });
    if (found.status === 200) return;
    const body = { name: this.person.name, about: 'Available' };
    await this.phone.send({ ...to, operation: 'save', method: 'PUT', body, expect: [200] });
  }

  /** Finds a friend among the contacts, or makes her one. @returns her id */
  async contact({ name, phone }: Person): Promise<string> {
    const path = `/v1/contacts?text=${encodeURIComponent(name)}`;
    const at = { callee: 'contacts', headers: this.#headers };
    const { contacts } = await this.phone.ask(
      { ...at, operation: 'find', method: 'GET', path, expect: [200] },
      Contacts,
    );
    const known = contacts.find((contact) => contact.name === name);
    if (known !== undefined) return known.personId;
    const add = { operation: 'add', method: 'POST', path: '/v1/contacts' } as const;
    const body = { name, phone };
    return (await this.phone.ask({ ...at, ...add, body, expect: [201] }, Contact)).personId;
  }

  /** Finds a group, or founds it. @returns its id */
  async group(name: string, memberIds: readonly string[]): Promise<string> {
    const at = { callee: 'groups', path: '/v1/groups', headers: this.#headers };
    const { groups } = await this.phone.ask(
      { ...at, operation: 'list', method: 'GET', expect: [200] },
      Groups,
    );
    const known = groups.find((group) => group.name === name);
    if (known !== undefined) return known.id;
    const body = { name, memberIds };
    const create = { operation: 'create', method: 'POST', body } as const;
    return (await this.phone.ask({ ...at, ...create, expect: [201] }, Group)).id;
  }

  /** @returns the message's id */
  async send(clientMessageId: string, to: To, text: string): Promise<string> {
    const at = { callee: 'text', operation: 'send', path: '/v1/texts' } as const;
    const body = { clientMessageId, to, text };
    const call = { ...at, method: 'POST', body, headers: this.#headers, expect: [201] } as const;
    return (await this.phone.ask(call, Sent)).messageId;
  }

  async notifications(): Promise<Waiting[]> {
    const at = { callee: 'whatsapp-notification', path: '/v1/notifications?limit=200' };
    const call = { ...at, operation: 'waiting', method: 'GET', headers: this.#headers } as const;
    return (await this.phone.ask({ ...call, expect: [200] }, Notifications)).notifications;
  }

  /** Takes notifications off the list. */
  async seen(ids: readonly string[]): Promise<void> {
    const at = { callee: 'whatsapp-notification', path: '/v1/notifications/seen' };
    const call = { ...at, operation: 'seen', method: 'POST', headers: this.#headers } as const;
    await this.phone.send({ ...call, body: { ids }, expect: [204] });
  }

  /** @returns the ids of messages that are not read */
  async fetch(): Promise<string[]> {
    const at = { callee: 'messages', operation: 'fetch', path: '/v1/messages?limit=200' } as const;
    const call = { ...at, method: 'GET', headers: this.#headers, expect: [200] } as const;
    return (await this.phone.ask(call, Messages)).messages.map(({ id }) => id);
  }

  async acknowledge(messageId: string, state: 'delivered' | 'read'): Promise<void> {
    const at = { callee: 'messages', path: `/v1/messages/${messageId}/receipts` };
    const call = { ...at, operation: 'acknowledge', method: 'POST', body: { state } } as const;
    await this.phone.ask({ ...call, headers: this.#headers, expect: [200] }, State);
  }

  /** How far an own message has come. */
  async stateOf(messageId: string): Promise<string> {
    const at = { callee: 'messages', path: `/v1/messages/${messageId}/deliveries` };
    const call = { ...at, operation: 'deliveries', method: 'GET', headers: this.#headers } as const;
    return (await this.phone.ask({ ...call, expect: [200] }, State)).state;
  }
}
