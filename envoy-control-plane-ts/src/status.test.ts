import { describe, expect, it } from '@jest/globals';
import { TypeStatusBoard } from './status.js';
import { rejection, resources } from './testing/subscription-script.js';
import { TypeUrl } from './type-url.js';

/** Sends, answers, and then says for each resource: sent/acked/nack versions, `-` for none. */
function said(type: TypeUrl, turns: [sent: string, answer: 'ack' | string][]): string[] {
  const board = new TypeStatusBoard(type);
  for (const [words, answer] of turns) {
    const update = { resources: resources(words, type), removed: [], version: '' };
    board.sent(update, 1);
    if (answer === 'ack') {
      board.answered({ kind: 'ack', nonce: '', update }, 2);
    } else if (answer !== '') {
      const because = { ...rejection, message: answer };
      board.answered({ kind: 'nack', nonce: '', update, rejection: because, retried: false }, 2);
    }
  }
  return board
    .resources()
    .map(
      ({ name, sent, acked, nack }) =>
        `${name} ${sent?.version ?? '-'}/${acked?.version ?? '-'}/${nack?.version ?? '-'}`,
    );
}

describe('TypeStatusBoard', () => {
  it.each([
    ['sent, not answered', TypeUrl.Route, [['a1', '']], ['a 1/-/-']],
    ['accepted', TypeUrl.Route, [['a1', 'ack']], ['a 1/1/-']],
    [
      'rejected: the accepted one stays',
      TypeUrl.Route,
      [
        ['a1', 'ack'],
        ['a2', 'bad'],
      ],
      ['a 2/1/2'],
    ],
    [
      'sent anew after a rejection: no longer rejected',
      TypeUrl.Route,
      [
        ['a1', 'ack'],
        ['a2', 'bad'],
        ['a3', ''],
      ],
      ['a 3/1/-'],
    ],
    [
      'clusters rejected together: what had been accepted is not to blame',
      TypeUrl.Cluster,
      [
        ['a1', 'ack'],
        ['a1 b1 c1', 'something'],
      ],
      ['a 1/1/-', 'b 1/-/1', 'c 1/-/1'],
    ],
    [
      'clusters rejected by name: the others are accepted',
      TypeUrl.Cluster,
      [['a1 b1 c1', 'Error adding/updating cluster(s) b: no endpoints']],
      ['a 1/1/-', 'b 1/-/1', 'c 1/1/-'],
    ],
    [
      'a name within another word is not named',
      TypeUrl.Cluster,
      [['a1 in1 b1', 'Error adding/updating cluster(s) b: invalid again']],
      ['a 1/1/-', 'in 1/1/-', 'b 1/-/1'],
    ],
  ] as [string, TypeUrl, [string, string][], string[]][])('%s', (_rule, type, turns, expected) => {
    expect(said(type, turns)).toEqual(expected);
  });
});
