import { describe, expect, it } from '@jest/globals';
import { SotwSubscription } from './sotw-subscription.js';
import { rejection, SubscriptionScript, split } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';

/** One turn: something happens, then `sends` is what the server sends. */
interface Turn {
  /** The server's resources from now on. */
  readonly has?: string;
  /** The client requests exactly these names. */
  readonly asks?: string;
  /** The nonce of the request; that of the last response if left out. */
  readonly nonce?: string;
  /** The request says that the client has the server's present version. */
  readonly isCurrent?: true;
  readonly nacks?: true;
  readonly removals?: boolean;
  readonly sends: string;
}

const root = TypeUrl.Listener;
const named = TypeUrl.Route;

const rules: { rule: string; type: TypeUrl; turns: Turn[] }[] = [
  {
    rule: 'a root type is sent whole whenever any of it changes',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { asks: '', sends: '' },
      { has: 'a1 b2', sends: 'a1 b2' },
    ],
  },
  {
    rule: 'a root type without resources is answered too, once',
    type: root,
    turns: [
      { has: '', sends: '' },
      { asks: '', sends: 'empty' },
      { asks: '', sends: '' },
    ],
  },
  {
    rule: 'absence removes from a root type',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { has: 'a1', sends: 'a1 -b' },
      { has: '', sends: '-a' },
    ],
  },
  {
    rule: 'what is gone is listed as it was until removals are due',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { has: 'a2', removals: false, sends: 'a2 b1' },
      { removals: false, sends: '' },
      { removals: true, sends: 'a2 -b' },
    ],
  },
  {
    rule: 'another type carries only what changed, and no removals',
    type: named,
    turns: [
      { has: 'a1 b1 c1', sends: '' },
      { asks: 'a b', sends: 'a1 b1' },
      { asks: 'a b', has: 'a1 b2 c2', sends: 'b2' },
      { asks: 'a b', has: 'b2', sends: '' },
      { has: 'a1 b2', sends: 'a1' },
    ],
  },
  {
    rule: 'another type with an empty list asks for nothing',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: '', sends: '' },
      { asks: 'a', sends: 'a1' },
    ],
  },
  {
    rule: 'a name that does not exist is not answered, and sent when it appears',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'x', sends: '' },
      { has: 'a1 x1', sends: 'x1' },
    ],
  },
  {
    rule: 'nothing is known of the node yet: no answer at all',
    type: root,
    turns: [
      { asks: '', sends: '' },
      { has: '', sends: 'empty' },
    ],
  },
  {
    rule: 'an ACK is not answered',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { asks: 'a', sends: '' },
      { asks: 'a', sends: '' },
    ],
  },
  {
    rule: 'a stale nonce is ignored with its names; the answer to the newest response counts',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { has: 'a2 b1', sends: 'a2' },
      { asks: 'a b', nonce: 'n1', sends: '' },
      { asks: 'a b', nonce: 'n2', sends: 'b1' },
    ],
  },
  {
    rule: 'the nonce of another type is ignored',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { asks: 'b', nonce: 'of another type', sends: '' },
    ],
  },
  {
    rule: 'the nonce in the first request of a stream says nothing',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', nonce: 'of an earlier stream', sends: 'a1' },
    ],
  },
  {
    rule: 'what was rejected is not sent again until it changes',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { asks: 'a', nacks: true, sends: '' },
      { has: 'a1 b1', sends: '' },
      { has: 'a2 b1', sends: 'a2' },
    ],
  },
  {
    rule: 'a rejected root type is not sent again until any of it changes',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { asks: '', nacks: true, sends: '' },
      { has: 'a1 b2', sends: 'a1 b2' },
    ],
  },
  {
    rule: 'what was rejected among others is sent again in halves, one after the other',
    type: named,
    turns: [
      { has: 'a1 b1 c1', sends: '' },
      { asks: 'a b c', sends: 'a1 b1 c1' },
      { asks: 'a b c', nacks: true, sends: 'a1 b1' },
      { asks: 'a b c', nacks: true, sends: 'c1' },
      { asks: 'a b c', sends: 'a1' },
      { asks: 'a b c', nacks: true, sends: 'b1' },
      { asks: 'a b c', sends: '' },
    ],
  },
  {
    rule: 'changes wait behind the search for a bad resource, and come after it',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a b', sends: 'a1 b1' },
      { asks: 'a b', nacks: true, sends: 'a1' },
      { has: 'a1 b2', sends: '' },
      { asks: 'a b', sends: 'b2' },
    ],
  },
  {
    rule: 'a newly asked name is sent, though nothing changed',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: 'a', sends: 'a1' },
      { asks: 'a b', sends: 'b1' },
      { asks: 'b', sends: '' },
      { asks: 'a b', sends: 'a1' },
    ],
  },
  {
    rule: 'a newly asked name is sent, though it was sent before without being asked for',
    type: named,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '*', sends: 'a1 b1' },
      { asks: '* a', sends: 'a1' },
    ],
  },
  {
    rule: 'a newly asked name of a root type gets the whole, though it was sent before',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { asks: '* a', sends: 'a1 b1' },
      { asks: '* a', sends: '' },
    ],
  },
  {
    rule: 'wildcard by empty list, then names, then an empty list: nothing',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', sends: 'a1 b1' },
      { asks: '* a', sends: 'a1 b1' },
      { asks: 'a', sends: '' },
      { has: 'a2 b2', sends: 'a2' },
      { asks: '', sends: '' },
      { has: 'a3 b3', sends: '' },
    ],
  },
  {
    rule: 'a reconnecting client that states the present version of everything is sent nothing',
    type: root,
    turns: [
      { has: 'a1 b1', sends: '' },
      { asks: '', isCurrent: true, sends: '' },
      { has: 'a1 b2', sends: 'a1 b2' },
    ],
  },
  {
    rule: 'a reconnecting client that names what it wants is sent it',
    type: named,
    turns: [
      { has: 'a1', sends: '' },
      { asks: 'a', isCurrent: true, sends: 'a1' },
    ],
  },
];

describe('SotwSubscription', () => {
  it.each(rules)('$rule', ({ type, turns }) => {
    const script = new SubscriptionScript(new SotwSubscription(type));
    const said = turns.map((turn) => {
      play(script, turn);
      return script.sent({ removals: turn.removals ?? true });
    });
    expect(said).toEqual(turns.map(({ sends }) => sends));
  });

  it('takes the answer to the newest response as the answer to those before it', () => {
    const script = new SubscriptionScript(new SotwSubscription(named));
    script.has('a1');
    play(script, { asks: 'a', sends: '' });
    script.sent();
    script.has('a2');
    script.sent();
    expect(play(script, { asks: 'a', nacks: true, sends: '' })).toMatchObject([
      { kind: 'ack', nonce: 'n1' },
      { kind: 'nack', nonce: 'n2', rejection },
    ]);
  });

  it('is not settled while a removal is still to come', () => {
    const subscription = new SotwSubscription(root);
    const script = new SubscriptionScript(subscription);
    script.has('a1 b1');
    play(script, { asks: '', sends: '' });
    script.sent();
    play(script, { asks: '', sends: '' });
    expect(script.sent()).toBe('');
    expect(subscription.settled).toBe(true);
    script.has('a1');
    expect(script.sent({ removals: false })).toBe('');
    expect(subscription.settled).toBe(false);
    expect(script.sent()).toBe('a1 -b');
  });

  it('sends again what it is told to, if the client has it', () => {
    const subscription = new SotwSubscription(named);
    const script = new SubscriptionScript(subscription);
    script.has('a1 b1');
    play(script, { asks: 'a', sends: '' });
    script.sent();
    subscription.sendAgain(['a', 'b']);
    expect(script.sent()).toBe('a1');
  });
});

function play(script: SubscriptionScript<Parameters<SotwSubscription['apply']>[0]>, turn: Turn) {
  if (turn.has !== undefined) {
    script.has(turn.has);
  }
  if (turn.asks === undefined) {
    return [];
  }
  return script.request({
    nonce: turn.nonce ?? script.lastNonce,
    names: split(turn.asks),
    version: turn.isCurrent ? script.version : '',
    ...(turn.nacks ? { rejection } : {}),
  });
}
