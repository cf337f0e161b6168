import { describe, expect, it } from '@jest/globals';
import { DeltaSubscription } from './delta-subscription.js';
import { rejection, resources, SubscriptionScript, split } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';

/** One turn: something happens, then `sends` is what the server sends. */
interface Turn {
  /** The server's resources from now on. */
  readonly has?: string;
  /** The client subscribes to these names. */
  readonly asks?: string;
  readonly drops?: string;
  /** initial_resource_versions */
  readonly states?: string;
  /** The client answers the last response, or the one with this nonce. */
  readonly acks?: true | string;
  readonly nacks?: true | string;
  /** A request with nothing in it. */
  readonly empty?: true;
  readonly removals?: boolean;
  readonly sends: string;
}

const root = TypeUrl.Cluster;
const named = TypeUrl.Endpoint;

const rules: { rule: string; type: TypeUrl; turns: Turn[] }[] = [
  {
    rule: 'the first request of a root type names nothing: everything, now and later',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { empty: true, sends: 'a1 b1' },
      { acks: true, sends: '' },
      { has: 'a1 b1 c1', sends: 'c1' },
    ],
  },
  {
    rule: 'a wildcard without resources is answered too, once',
    type: root,
    turns: [
      { has: '', sends: '' },
      { empty: true, sends: 'empty' },
      { acks: true, sends: '' },
      { has: 'a1', sends: 'a1' },
    ],
  },
  {
    rule: "'*' asks for everything",
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { asks: '*', sends: 'a1' },
    ],
  },
  {
    rule: 'the first request of another type names nothing: nothing',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { empty: true, sends: '' },
      { asks: 'a', sends: 'a1' },
    ],
  },
  {
    rule: 'an unsubscription alone is no legacy wildcard',
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { drops: 'x', sends: '' },
      { empty: true, sends: '' },
    ],
  },
  {
    rule: 'nothing is known of the node yet: no answer at all',
    type: named,
    turns: [
      { asks: 'a', sends: '' },
      { has: 'a1', sends: 'a1' },
    ],
  },
  {
    rule: 'one changed resource is one resource on the wire',
    type: root,
    turns: [
      { has: 'a1 b1 c1', sends: '' },
      { empty: true, sends: 'a1 b1 c1' },
      { acks: true, has: 'a1 b2 c1', sends: 'b2' },
    ],
  },
  {
    rule: 'an ACK is not answered',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { acks: true, sends: '' },
      { acks: true, sends: '' },
    ],
  },
  {
    rule: 'what was rejected alone is not sent again until it changes',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { nacks: true, sends: '' },
      { has: 'a1 b1', sends: '' },
      { has: 'a2 b1', sends: 'a2' },
    ],
  },
  {
    rule: 'what was rejected among others is sent again in halves, once, to find the bad one',
    type: named,
    turns: [
      { has: 'a1 b1 c1', sends: '' },
      { asks: 'a b c', sends: 'a1 b1 c1' },
      { nacks: true, sends: 'a1 b1 | c1' },
      { acks: 'n3', sends: '' },
      { nacks: 'n2', sends: 'a1 | b1' },
      { acks: 'n4', sends: '' },
      { nacks: 'n5', sends: '' },
      { has: 'a1 b2 c1', sends: 'b2' },
    ],
  },
  {
    rule: 'a half whose resources have changed or gone meanwhile is not sent again',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a b', sends: 'a1 b1' },
      { has: 'a2', nacks: true, sends: 'a2 -b' },
    ],
  },
  {
    rule: 'a rejection followed by a return to the former content sends the former content',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { acks: true, has: 'a2', sends: 'a2' },
      { nacks: true, has: 'a1', sends: 'a1' },
    ],
  },
  {
    rule: 'a stale or unknown nonce does not keep a subscription from counting',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { has: 'a2 b1', sends: 'a2' },
      { acks: 'n1', asks: 'b', sends: 'b1' },
      { acks: 'of another type', asks: 'a', sends: 'a2' },
    ],
  },
  {
    rule: 'subscribing to a name leaves the legacy wildcard in force',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { empty: true, sends: 'a1 b1' },
      { asks: 'a', sends: 'a1' },
      { has: 'a1 b2', sends: 'b2' },
    ],
  },
  {
    rule: "after '*' is dropped only names count, and an empty request is no wildcard again",
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { empty: true, sends: 'a1 b1' },
      { asks: 'a', sends: 'a1' },
      { drops: '*', sends: '' },
      { has: 'a2 b2', sends: 'a2' },
      { drops: 'a', sends: '' },
      { empty: true, sends: '' },
      { has: 'a3 b3', sends: '' },
    ],
  },
  {
    rule: 'a name that is asked for again is sent again',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { acks: true, asks: 'a', sends: 'a1' },
    ],
  },
  {
    rule: 'a name that does not exist is said to be removed at once, and sent when it appears',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a x', removals: false, sends: 'a1 -x' },
      { acks: true, sends: '' },
      { has: 'a1 x1', sends: 'x1' },
      { has: 'a1', sends: '-x' },
      { asks: 'x', sends: '-x' },
    ],
  },
  {
    rule: 'a name that is dropped gets no answer, and counts as new when asked for later',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a b', sends: 'a1 b1' },
      { drops: 'b', sends: '' },
      { has: 'a1 b2', sends: '' },
      { asks: 'b', sends: 'b2' },
    ],
  },
  {
    rule: 'a name that was never asked for can be dropped',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { drops: 'x y', sends: '' },
      { has: 'a2', sends: 'a2' },
    ],
  },
  {
    rule: 'under a wildcard, a name that is dropped but exists is sent',
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { asks: '* a', sends: 'a1' },
      { acks: true, drops: 'a', sends: 'a1' },
      { has: 'a2', sends: 'a2' },
    ],
  },
  {
    rule: 'under a wildcard, a name that is dropped and does not exist is said to be removed',
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { asks: '* x', sends: 'a1 -x' },
      { acks: true, drops: 'x', removals: false, sends: '-x' },
    ],
  },
  {
    rule: 'under a wildcard, dropping a name that was never asked for gets no answer',
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { asks: '*', sends: 'a1' },
      { drops: 'a', sends: '' },
    ],
  },
  {
    rule: "a dropped name that was on its way when '*' was asked for is not forgotten",
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { drops: 'a', sends: '' },
      { has: '', asks: '*', sends: '-a' },
    ],
  },
  {
    rule: 'what a reconnecting client holds is not sent; what changed is; what is gone is removed',
    type: root,
    turns: [
      { has: 'a1 b2 d1', sends: '' },
      { asks: '*', states: 'a1 b1 c1', sends: 'b2 d1 -c' },
    ],
  },
  {
    rule: 'the same with names, and by the legacy wildcard',
    type: named,
    turns: [
      { has: 'a1 b2', sends: '' },
      { asks: 'a b c', states: 'a1 b1 c1 unwanted1', sends: 'b2 -c' },
    ],
  },
  {
    rule: 'the versions that a client states count only in its first request',
    type: root,
    turns: [
      { has: 'a1', sends: '' },
      { empty: true, states: 'a1', sends: '' },
      { asks: 'a', states: 'a1', sends: 'a1' },
    ],
  },
  {
    rule: 'what is gone stays with the client until removals are due',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { empty: true, sends: 'a1 b1' },
      { has: 'a2', removals: false, sends: 'a2' },
      { removals: true, sends: '-b' },
    ],
  },
  {
    rule: 'what comes back before its removal was due is not sent again',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { empty: true, sends: 'a1 b1' },
      { has: 'a1', removals: false, sends: '' },
      { has: 'a1 b1', sends: '' },
    ],
  },
];

describe('DeltaSubscription', () => {
  it.each(rules)('$rule', ({ type, turns }) => {
    const script = new SubscriptionScript(new DeltaSubscription(type));
    const said = turns.map((turn) => {
      play(script, turn, type);
      return script.sent({ removals: turn.removals ?? true });
    });
    expect(said).toEqual(turns.map(({ sends }) => sends));
  });

  it('splits a response that would be too large', () => {
    const script = new SubscriptionScript(new DeltaSubscription(root));
    script.has('aaaa1 bbbb1 cccc1');
    play(script, { empty: true, sends: '' }, root);
    expect(script.sent({ maxBytes: 10 })).toBe('aaaa1 bbbb1 | cccc1');
  });

  it('stops sending to a client that never answers, and sends the newest state when it does', () => {
    const script = new SubscriptionScript(new DeltaSubscription(named));
    play(script, { asks: 'a', sends: '' }, named);
    let responses = 0;
    for (let version = 0; version < 100; version += 1) {
      script.has(`a${version}`);
      responses += script.sent() === '' ? 0 : 1;
    }
    expect(responses).toBe(32);
    play(script, { acks: true, sends: '' }, named);
    expect(script.sent()).toBe('a99');
  });

  it('tells an ACK from a NACK by error_detail alone', () => {
    const script = new SubscriptionScript(new DeltaSubscription(named));
    script.has('a1');
    play(script, { asks: 'a', sends: '' }, named);
    script.sent();
    expect(play(script, { nacks: true, sends: '' }, named)).toMatchObject([
      { kind: 'nack', nonce: 'n1', rejection, retried: false },
    ]);
    expect(play(script, { acks: true, sends: '' }, named)).toEqual([]);
  });

  it('sends again what it is told to, if the client has it', () => {
    const subscription = new DeltaSubscription(named);
    const script = new SubscriptionScript(subscription);
    script.has('a1 b1');
    play(script, { asks: 'a x', sends: '' }, named);
    script.sent();
    subscription.sendAgain(['a', 'b', 'x']);
    expect(script.sent()).toBe('a1');
  });
});

function play(
  script: SubscriptionScript<Parameters<DeltaSubscription['apply']>[0]>,
  turn: Turn,
  type: TypeUrl,
) {
  if (turn.has !== undefined) {
    script.has(turn.has);
  }
  const isRequest = turn.asks ?? turn.drops ?? turn.states ?? turn.acks ?? turn.nacks ?? turn.empty;
  if (isRequest === undefined) {
    return [];
  }
  const answered = turn.acks ?? turn.nacks;
  return script.request({
    nonce: answered === true ? script.lastNonce : (answered ?? ''),
    subscribe: split(turn.asks ?? ''),
    unsubscribe: split(turn.drops ?? ''),
    initialVersions: Object.fromEntries(
      resources(turn.states ?? '', type).map(({ name, version }) => [name, version]),
    ),
    ...(turn.nacks === undefined ? {} : { rejection }),
  });
}
