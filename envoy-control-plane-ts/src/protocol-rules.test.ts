import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Conversation } from './testing/conversation.js';

/**
 * The rules of the protocol page, over a real stream, section by section.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
jest.setTimeout(30_000);

let client: Conversation;

afterEach(() => client.stop());

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  const isDelta = variant === 'delta';

  beforeEach(async () => {
    client = await Conversation.start(variant);
  });

  describe('ACK/NACK and resource type instance version', () => {
    it('tells a NACK by error_detail, never by a version', async () => {
      client.has({ Route: 'a1' });
      client.asks('Route', 'a');
      expect(await client.hears()).toBe('Route a1');
      const again = isDelta ? '' : 'a';
      client.asks('Route', again, { version: 'one that the server never had' });
      await client.hearsNothingElse();
      expect(client.answers).toContain('ACK Route');
      client.has({ Route: 'a2' });
      expect(await client.hears()).toBe('Route a2');
      client.asks('Route', again, { version: client.versionOf('Route'), nacks: true });
      await client.hearsNothingElse();
      expect(client.answers.filter((one) => one.endsWith('Route'))).toEqual([
        'ACK Route',
        'NACK Route',
      ]);
    });

    it('does not send the same content again after a NACK, and sends another one', async () => {
      client.has({ Route: 'a1', Cluster: 'c1' });
      client.asks('Cluster');
      expect(await client.hears()).toBe('Cluster c1');
      client.nacks('Cluster');
      client.asks('Route', 'a');
      expect(await client.hears()).toBe('Route a1');
      client.nacks('Route');
      client.has({ Route: 'a1', Cluster: 'c1' });
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Cluster: 'c2' });
      expect(await client.hears()).toBe('Cluster c2');
      client.acks('Cluster');
      client.has({ Route: 'a2' });
      expect(await client.hears()).toBe('Route a2');
    });

    it('never answers a plain ACK', async () => {
      client.has({ Cluster: 'c1', Route: 'a1' });
      client.asks('Cluster');
      expect(await client.hears()).toBe('Cluster c1');
      client.acks('Cluster');
      client.acks('Cluster');
      client.asks('Route', 'a');
      expect(await client.hears()).toBe('Route a1');
      client.acks('Route');
      client.acks('Route');
      expect(await client.hearsNothingElse()).toBe('');
    });

    it('reads a nonce in the context of its stream alone: one of an earlier stream says nothing', async () => {
      client.has({ Route: 'a1' });
      client.asks('Route', 'a');
      await client.hears();
      client.has({ Route: 'a2' });
      await client.hears();
      const { answers } = client;
      const before = answers.length;
      client.connect();
      client.asks('Route', 'a', { nonce: client.nonceOf('Route'), nacks: true });
      expect(await client.hears()).toBe('Route a2');
      expect(answers.length).toBe(before);
    });
  });

  describe('Resource updates', () => {
    it('keeps the stream when a request carries the nonce of another type', async () => {
      client.has({ Cluster: 'c1', Endpoint: 'a1 b1' });
      client.asks('Cluster');
      await client.hears();
      client.acks('Cluster');
      client.asks('Endpoint', 'a');
      expect(await client.hears()).toBe('Endpoint a1');
      client.asks('Endpoint', 'b', { nonce: client.nonceOf('Cluster') });
      // State of the world: as stale as an old one. Incremental: "the server must honor changes to
      // the subscription state even if the nonce is stale" [Incremental xDS].
      expect(await client.hearsNothingElse()).toBe(isDelta ? 'Endpoint b1' : '');
      expect(client.answers.filter((one) => one.endsWith('Endpoint'))).toEqual([]);
      client.asks('Endpoint', isDelta ? '' : 'a b');
      expect(await client.hearsNothingElse()).toBe(isDelta ? '' : 'Endpoint b1');
      expect(client.answers).toContain('ACK Endpoint');
    });

    it(`${isDelta ? 'honours' : 'ignores'} a subscription in a request with a stale nonce`, async () => {
      client.has({ Route: 'a1 b1' });
      client.asks('Route', 'a');
      await client.hears();
      const stale = client.nonceOf('Route');
      client.has({ Route: 'a2 b1' });
      expect(await client.hears()).toBe('Route a2');
      client.asks('Route', isDelta ? 'b' : 'a b', { nonce: stale });
      expect(await client.hearsNothingElse()).toBe(isDelta ? 'Route b1' : '');
      if (!isDelta) {
        client.asks('Route', 'a b');
        expect(await client.hears()).toBe('Route b1');
      }
    });
  });

  describe('How the client specifies what resources to return', () => {
    it.each(['Cluster', 'Listener'] as const)(
      '%s: who never named anything gets everything',
      async (type) => {
        client.has({ [type]: 'a1 b1' });
        client.asks(type);
        expect(await client.hears()).toBe(`${type} a1 b1`);
        client.acks(type);
        client.has({ [type]: 'a1 b1 d1' });
        expect(await client.hears()).toBe(isDelta ? `${type} d1` : `${type} a1 b1 d1`);
      },
    );

    it('takes the empty name for a subscription to nothing', async () => {
      client.has({ Cluster: 'a1', Route: 'a1' });
      client.asks('Cluster', "''");
      client.asks('Route', "''");
      const heard = await client.hearsNothingElse();
      expect(heard).not.toMatch(/a1/);
      client.has({ Cluster: 'a2', Route: 'a2' });
      expect(await client.hearsNothingElse()).not.toMatch(/a2/);
    });

    it('sends no name twice, however it was asked for', async () => {
      client.has({ Listener: 'a1 b1', Route: 'a1 b1' });
      client.asks('Listener', '* a a *');
      expect(await client.hears()).toBe('Listener a1 b1');
      client.acks('Listener');
      client.asks('Route', 'a a b a');
      expect(await client.hears()).toBe('Route a1 b1');
    });
  });

  describe('Knowing When a Requested Resource Does Not Exist', () => {
    it('answers at once what exists, though what does not exist was asked for with it', async () => {
      client.has({ Route: 'a1' });
      client.asks('Route', 'a z');
      expect(await client.hears()).toBe(isDelta ? 'Route -z a1' : 'Route a1');
    });

    it('remembers a name that does not exist, and sends it when it appears', async () => {
      client.has({ Route: 'a1' });
      client.asks('Route', 'z');
      expect(await client.hearsNothingElse()).toBe(isDelta ? 'Route -z' : '');
      client.has({ Route: 'a1 z1' });
      expect(await client.hears()).toBe('Route z1');
    });
  });

  describe('Eventual consistency considerations', () => {
    it('makes before it breaks: each phase waits for the ACKs of the one before, removals for all', async () => {
      client.has({ Cluster: 'a1', Endpoint: 'a1 b1', Listener: 'l1', Route: 'r1' });
      client.asks('Cluster');
      expect(await client.hears()).toBe('Cluster a1');
      client.acks('Cluster');
      client.asks('Endpoint', 'a');
      expect(await client.hears()).toBe('Endpoint a1');
      client.acks('Endpoint');
      client.asks('Listener');
      expect(await client.hears()).toBe('Listener l1');
      client.acks('Listener');
      client.asks('Route', 'r');
      expect(await client.hears()).toBe('Route r1');
      client.acks('Route');

      client.has({ Cluster: 'b1', Endpoint: 'b1', Listener: 'l2', Route: 'r2' });
      // What is gone is listed until it may go.
      expect(await client.hears()).toBe(isDelta ? 'Cluster b1' : 'Cluster a1 b1');
      expect(await client.hearsNothingElse()).toBe('');
      client.asks('Endpoint', isDelta ? 'b' : 'a b');
      expect(await client.hears()).toBe('Endpoint b1');
      client.acks('Cluster');
      expect(await client.hearsNothingElse()).toBe('');
      client.acks('Endpoint');
      expect(await client.hears()).toBe('Listener l2');
      expect(await client.hears()).toBe('Route r2');
      expect(await client.hearsNothingElse()).toBe('');
      client.acks('Listener');
      expect(await client.hearsNothingElse()).toBe('');
      client.acks('Route');
      expect(await client.hears()).toBe(isDelta ? 'Cluster -a' : 'Cluster b1');
    });

    it.each(['Listener', 'Cluster'] as const)(
      'takes a %s away that alone is gone',
      async (type) => {
        client.has({ [type]: 'a1 b1' });
        client.asks(type);
        await client.hears();
        client.acks(type);
        await client.hearsNothingElse();
        client.has({ [type]: 'a1' });
        expect(await client.hears()).toBe(isDelta ? `${type} -b` : `${type} a1`);
      },
    );
  });

  describe('Resource warming', () => {
    it('sends endpoints after their cluster has changed, though they have not', async () => {
      client.has({ Cluster: 'a1', Endpoint: 'a1' });
      client.asks('Cluster');
      await client.hears();
      client.acks('Cluster');
      client.asks('Endpoint', 'a');
      await client.hears();
      client.acks('Endpoint');
      client.has({ Cluster: 'a2' });
      expect(await client.hears()).toBe('Cluster a2');
      expect(await client.hears()).toBe('Endpoint a1');
    });

    it('does so on a new stream too, where the cluster has changed meanwhile', async () => {
      client.has({ Cluster: 'a1', Endpoint: 'a1' });
      client.asks('Cluster');
      await client.hears();
      const version = client.versionOf('Cluster');
      client.has({ Cluster: 'a2' });
      client.connect();
      client.asks('Cluster', '', { nonce: '', version, states: 'a1' });
      while ((await client.hears()) !== 'Cluster a2') {}
      client.asks('Endpoint', 'a', { nonce: '', states: 'a1' });
      expect(await client.hears()).toBe('Endpoint a1');
    });
  });
});

describe('sotw only', () => {
  beforeEach(async () => {
    client = await Conversation.start('sotw');
  });

  describe('How the client specifies what resources to return', () => {
    it('takes an empty list for nothing, once a name was asked for', async () => {
      client.has({ Listener: 'a1 b1' });
      client.asks('Listener', 'a');
      expect(await client.hears()).toBe('Listener a1');
      client.asks('Listener', '');
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Listener: 'a2 b2' });
      expect(await client.hearsNothingElse()).toBe('');
    });

    it("drops the wildcard when '*' is no longer listed, and keeps the name", async () => {
      client.has({ Cluster: 'a1 b1' });
      client.asks('Cluster', '* a');
      expect(await client.hears()).toBe('Cluster a1 b1');
      client.asks('Cluster', 'a');
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Cluster: 'a1 b2' });
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Cluster: 'a2 b2' });
      expect(await client.hears()).toBe('Cluster a2');
    });
  });

  describe('Grouping Resources into Responses', () => {
    it('sends listeners and clusters whole', async () => {
      client.has({ Listener: 'a1 b1', Cluster: 'a1 b1' });
      client.asks('Cluster');
      expect(await client.hears()).toBe('Cluster a1 b1');
      client.acks('Cluster');
      client.asks('Listener');
      expect(await client.hears()).toBe('Listener a1 b1');
      client.acks('Listener');
      client.has({ Cluster: 'a1 b2', Listener: 'a2 b1' });
      expect(await client.hears()).toBe('Cluster a1 b2');
      client.acks('Cluster');
      expect(await client.hears()).toBe('Listener a2 b1');
    });

    it('sends of routes and endpoints what has changed', async () => {
      client.has({ Route: 'a1 b1', Endpoint: 'a1 b1' });
      client.asks('Endpoint', 'a b');
      expect(await client.hears()).toBe('Endpoint a1 b1');
      client.acks('Endpoint');
      client.asks('Route', 'a b');
      expect(await client.hears()).toBe('Route a1 b1');
      client.acks('Route');
      client.has({ Route: 'a1 b2', Endpoint: 'a2 b1' });
      expect(await client.hears()).toBe('Endpoint a2');
      client.acks('Endpoint');
      expect(await client.hears()).toBe('Route b2');
    });
  });

  describe('ACK/NACK and resource type instance version', () => {
    it('honours a version across streams: clusters that the client has are not sent', async () => {
      client.has({ Cluster: 'a1 b1' });
      client.asks('Cluster');
      await client.hears();
      const version = client.versionOf('Cluster');
      client.connect();
      client.asks('Cluster', '', { nonce: '', version });
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Cluster: 'a1 b2' });
      expect(await client.hears()).toBe('Cluster a1 b2');
    });
  });
});

describe('delta only', () => {
  beforeEach(async () => {
    client = await Conversation.start('delta');
  });

  describe('Unsubscribing From Resources', () => {
    it("keeps the names when '*' is unsubscribed from", async () => {
      client.has({ Cluster: 'a1 b1' });
      client.asks('Cluster', '* a');
      await client.hears();
      client.asks('Cluster', '', { drops: '*' });
      expect(await client.hearsNothingElse()).toBe('');
      client.has({ Cluster: 'a2 b2' });
      expect(await client.hears()).toBe('Cluster a2');
    });

    it('answers the end of a name within a wildcard with the resource, or with its removal', async () => {
      client.has({ Cluster: 'a1' });
      client.asks('Cluster', '* a z');
      expect(await client.hears()).toBe('Cluster -z a1');
      client.asks('Cluster', '', { drops: 'a z' });
      expect(await client.hears()).toBe('Cluster -z a1');
    });

    it('ignores the end of what was never subscribed to', async () => {
      client.has({ Cluster: 'a1', Route: 'a1' });
      client.asks('Cluster', '*');
      await client.hears();
      client.acks('Cluster');
      client.asks('Cluster', '', { drops: 'a x' });
      client.asks('Route', '', { drops: 'a x *' });
      expect(await client.hearsNothingElse()).toBe('');
    });
  });

  describe('Incremental xDS', () => {
    it('sends a resource again to whom subscribes to it again', async () => {
      client.has({ Route: 'a1' });
      client.asks('Route', 'a');
      await client.hears();
      client.asks('Route', 'a');
      expect(await client.hears()).toBe('Route a1');
    });

    it('skips what a new stream says to hold, sends what differs, and removes what is gone', async () => {
      client.has({ Cluster: 'a1 b2 d1', Route: 'a1 b2 d1' });
      client.asks('Cluster', '*', { states: 'a1 b1 c1' });
      expect(await client.hears()).toBe('Cluster b2 d1');
      client.acks('Cluster');
      expect(await client.hears()).toBe('Cluster -c');
      client.acks('Cluster');
      client.asks('Route', 'a b c', { states: 'a1 b1 c1' });
      expect(await client.hears()).toBe('Route b2');
      client.acks('Route');
      expect(await client.hears()).toBe('Route -c');
    });

    it('puts one changed resource on the wire, and only it', async () => {
      client.has({ Cluster: 'a1 b1 c1 d1' });
      client.asks('Cluster', '*');
      await client.hears();
      client.acks('Cluster');
      client.has({ Cluster: 'a1 b1 c2 d1' });
      expect(await client.hears()).toBe('Cluster c2');
      expect(await client.hearsNothingElse()).toBe('');
    });
  });
});
