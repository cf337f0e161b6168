import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { JourneyEnded, type Phone } from '../../runtime/traffic/phone.js';
import type { Circle } from './circles.js';
import { Device, register, type To, type Waiting } from './device.js';

const POLL_MS = 500;
const POLLS_MAX = 60;
/** Share of texts whose answer is lost on the way, so that the phone sends them again. */
const LOST_SHARE = 0.1;

/** A receiver with what she got. */
interface Receiver {
  readonly device: Device;
  readonly messageIds: readonly string[];
}

/** One person's texts to a friend and to a group, from signing in until both are shown as read. */
export class Journey {
  constructor(
    private readonly phone: Phone,
    private readonly circle: Circle,
    /** Mean time between two taps. */
    private readonly thinkMs: number,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * @returns `read`, or what did not come about in time: `not notified`, `not delivered`, `not read`
   * @throws JourneyEnded when a service did not do its part; AbortError when the app is closed
   */
  async run(): Promise<string> {
    const { people, groupName } = this.circle;
    const writer = people[Math.floor(Math.random() * people.length)];
    const friends = people.filter((person) => person !== writer);
    if (writer === undefined) throw new Error('a circle without people');
    for (const person of people) await register(this.phone, person);

    const sender = await Device.signIn(this.phone, writer);
    await sender.openProfile();
    await this.#think();
    const friendIds: string[] = [];
    for (const friend of friends) friendIds.push(await sender.contact(friend));
    const groupId = await sender.group(groupName, friendIds);
    const [personId = ''] = friendIds;
    await this.#think();
    const direct = await this.#write(sender, { personId }, 'Are you coming?');
    await this.#think();
    const toAll = await this.#write(sender, { groupId }, 'We meet at eight');

    const receivers: Receiver[] = [];
    for (const [index, friend] of friends.entries()) {
      const device = await Device.signIn(this.phone, friend);
      const messageIds = index === 0 ? [direct, toAll] : [toAll];
      if (!(await this.#receive(device, messageIds))) return 'not notified';
      receivers.push({ device, messageIds });
    }
    if (!(await this.#shows(sender, [direct, toAll], 'delivered'))) return 'not delivered';
    await this.#think();
    for (const { device, messageIds } of receivers)
      for (const id of messageIds) await device.acknowledge(id, 'read');
    return (await this.#shows(sender, [direct, toAll], 'read')) ? 'read' : 'not read';
  }

  /** Sends a text, sometimes twice, which must be one message. @returns its id */
  async #write(sender: Device, to: To, text: string): Promise<string> {
    const clientMessageId = randomUUID();
    const id = await sender.send(clientMessageId, to, text);
    if (Math.random() >= LOST_SHARE) return id;
    if ((await sender.send(clientMessageId, to, text)) === id) return id;
    throw new JourneyEnded('text.send made two messages of one');
  }

  /** Waits to be notified of messages, and fetches and acknowledges them. @returns false when it was not, in time */
  async #receive(device: Device, expected: readonly string[]): Promise<boolean> {
    const waiting = await this.#notified(device, expected);
    if (waiting === undefined) return false;
    const fetched = await device.fetch();
    // What an earlier journey left unread is caught up with at once.
    for (const id of fetched)
      await device.acknowledge(id, expected.includes(id) ? 'delivered' : 'read');
    if (!expected.every((id) => fetched.includes(id)))
      throw new JourneyEnded('messages.fetch lacks a message');
    await device.seen(waiting.map(({ id }) => id));
    return true;
  }

  async #notified(
    device: Device,
    messageIds: readonly string[],
  ): Promise<readonly Waiting[] | undefined> {
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const waiting = await device.notifications();
      const known = new Set(waiting.map(({ messageId }) => messageId));
      if (messageIds.every((id) => known.has(id))) return waiting;
      await sleep(POLL_MS, undefined, { signal: this.signal });
    }
    return undefined;
  }

  /** Whether the sender sees all messages in a state, in time. */
  async #shows(sender: Device, messageIds: readonly string[], state: string): Promise<boolean> {
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const states: string[] = [];
      for (const id of messageIds) states.push(await sender.stateOf(id));
      if (states.every((each) => each === state)) return true;
      await sleep(POLL_MS, undefined, { signal: this.signal });
    }
    return false;
  }

  /** Half to one and a half of the mean. */
  async #think(): Promise<void> {
    await sleep(this.thinkMs * (0.5 + Math.random()), undefined, { signal: this.signal });
  }
}
