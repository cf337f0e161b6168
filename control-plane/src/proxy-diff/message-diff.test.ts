import type { JsonValue } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { fieldDifferences } from './message-diff.js';

function lines(held: JsonValue, used: JsonValue): string[] {
  return fieldDifferences(held, used).map(
    ({ path, held, used }) => `${path}: ${JSON.stringify(held)} / ${JSON.stringify(used)}`,
  );
}

describe('fields that differ', () => {
  it.each<[string, JsonValue, JsonValue, string[]]>([
    ['none, whatever the order of keys', { a: 1, b: [2] }, { b: [2], a: 1 }, []],
    ['none where Envoy hides a value', { a: 'x', b: 1 }, { a: '[redacted]', b: 1 }, []],
    [
      'a hidden value that nobody sent',
      { a: {} },
      { a: { b: '[redacted]' } },
      ['a.b: undefined / "[redacted]"'],
    ],
    ['a value', { a: { b: 1 } }, { a: { b: 2 } }, ['a.b: 1 / 2']],
    ['one that a side lacks', { a: {} }, { a: { b: null } }, ['a.b: undefined / null']],
    ['another kind of value', { a: [1] }, { a: { b: 1 } }, ['a: [1] / {"b":1}']],
    ['a place in a list', { a: [1, 2] }, { a: [1, 3, 4] }, ['a[1]: 2 / 3', 'a[2]: undefined / 4']],
    [
      'an entry of its own name, wherever it stands',
      { r: [{ name: 'x', v: 1 }, { name: 'y' }] },
      { r: [{ name: 'y' }, { name: 'x', v: 2 }] },
      ['r[x].v: 1 / 2'],
    ],
    [
      'an entry that is gone',
      { r: [{ name: 'x' }, { name: 'y' }] },
      { r: [{ name: 'y' }] },
      ['r[x]: {"name":"x"} / undefined'],
    ],
    [
      'the order of entries that are the same',
      { r: [{ name: 'x' }, { name: 'y' }] },
      { r: [{ name: 'y' }, { name: 'x' }] },
      ['r[order]: ["x","y"] / ["y","x"]'],
    ],
    [
      'places, when two entries have one name',
      { r: [{ name: 'x' }, { name: 'x' }] },
      { r: [{ name: 'x' }, { name: 'x', v: 1 }] },
      ['r[1].v: undefined / 1'],
    ],
  ])('%s', (_title, held, used, expected) => {
    expect(lines(held, used)).toEqual(expected);
  });
});
