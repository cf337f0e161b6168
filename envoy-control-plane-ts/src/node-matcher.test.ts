import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { InvalidRequest } from './errors.js';
import { type NodeMatcher, NodeMatcherSchema } from './gen/envoy/type/matcher/v3/node_pb.js';
import type { StringMatcherSchema } from './gen/envoy/type/matcher/v3/string_pb.js';
import type { ValueMatcherSchema } from './gen/envoy/type/matcher/v3/value_pb.js';
import { nodeTest } from './node-matcher.js';

type StringPattern = NonNullable<MessageInitShape<typeof StringMatcherSchema>['matchPattern']>;
type ValuePattern = NonNullable<MessageInitShape<typeof ValueMatcherSchema>['matchPattern']>;

const fare = {
  id: 'fare-1',
  metadata: {
    cell: 'cell-1',
    weight: 3,
    canary: true,
    owner: { team: 'pricing', nothing: null },
    tags: ['blue', 7],
  },
};
const pay = { id: 'pay-12', metadata: { cell: 'cell-2' } };
const bare = { id: 'Bare' };

function matched(...matchers: NodeMatcher[]): string {
  return [fare, pay, bare]
    .filter(nodeTest(matchers))
    .map(({ id }) => id)
    .join(' ');
}

function byId(matchPattern: StringPattern, ignoreCase = false): NodeMatcher {
  return create(NodeMatcherSchema, { nodeId: { matchPattern, ignoreCase } });
}

function byMetadata(path: string, matchPattern: ValuePattern): NodeMatcher {
  const keys = path.split('.').map((value) => ({ segment: { case: 'key' as const, value } }));
  return create(NodeMatcherSchema, { nodeMetadatas: [{ path: keys, value: { matchPattern } }] });
}

const text = (value: string): ValuePattern => ({
  case: 'stringMatch',
  value: { matchPattern: { case: 'exact', value } },
});

describe('node matchers', () => {
  it('match every node when there are none', () => {
    expect(matched()).toBe('fare-1 pay-12 Bare');
  });

  it.each<[string, NodeMatcher, string]>([
    ['exact', byId({ case: 'exact', value: 'fare-1' }), 'fare-1'],
    ['exact, not a part', byId({ case: 'exact', value: 'fare' }), ''],
    ['prefix', byId({ case: 'prefix', value: 'pay-' }), 'pay-12'],
    ['suffix', byId({ case: 'suffix', value: '-1' }), 'fare-1'],
    ['contains', byId({ case: 'contains', value: 'a' }), 'fare-1 pay-12 Bare'],
    ['without case', byId({ case: 'exact', value: 'bARE' }, true), 'Bare'],
    ['regex', byId({ case: 'safeRegex', value: { regex: '[a-z]+-[0-9]{2}' } }), 'pay-12'],
    ['regex over the whole id', byId({ case: 'safeRegex', value: { regex: 'pay' } }), ''],
  ])('match ids: %s', (_title, matcher, expected) => {
    expect(matched(matcher)).toBe(expected);
  });

  it.each<[string, NodeMatcher, string]>([
    ['text', byMetadata('cell', text('cell-2')), 'pay-12'],
    ['nested text', byMetadata('owner.team', text('pricing')), 'fare-1'],
    ['a path through text', byMetadata('cell.team', text('pricing')), ''],
    [
      'a number',
      byMetadata('weight', {
        case: 'doubleMatch',
        value: { matchPattern: { case: 'exact', value: 3 } },
      }),
      'fare-1',
    ],
    [
      'a half-open range',
      byMetadata('weight', {
        case: 'doubleMatch',
        value: { matchPattern: { case: 'range', value: { start: 1, end: 3 } } },
      }),
      '',
    ],
    ['a truth', byMetadata('canary', { case: 'boolMatch', value: true }), 'fare-1'],
    ['null', byMetadata('owner.nothing', { case: 'nullMatch', value: {} }), 'fare-1'],
    ['presence', byMetadata('cell', { case: 'presentMatch', value: true }), 'fare-1 pay-12'],
    ['absence', byMetadata('cell', { case: 'presentMatch', value: false }), 'Bare'],
    [
      'one of a list',
      byMetadata('tags', {
        case: 'listMatch',
        value: {
          matchPattern: {
            case: 'oneOf',
            value: { matchPattern: text('blue') },
          },
        },
      }),
      'fare-1',
    ],
    [
      'either',
      byMetadata('cell', {
        case: 'orMatch',
        value: {
          valueMatchers: [{ matchPattern: text('cell-1') }, { matchPattern: text('cell-2') }],
        },
      }),
      'fare-1 pay-12',
    ],
  ])('match metadata: %s', (_title, matcher, expected) => {
    expect(matched(matcher)).toBe(expected);
  });

  it('match in a time that an expression cannot blow up', () => {
    const test = nodeTest([byId({ case: 'safeRegex', value: { regex: '(a*)*b' } })]);
    const startMs = performance.now();
    expect(test({ id: 'a'.repeat(1_000) })).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('match when any of them does, each in all its parts', () => {
    const { nodeId } = byId({ case: 'prefix', value: 'fare' });
    const { nodeMetadatas } = byMetadata('cell', text('cell-2'));
    const both = create(NodeMatcherSchema, { ...(nodeId && { nodeId }), nodeMetadatas });
    expect(matched(both)).toBe('');
    expect(matched(both, byId({ case: 'exact', value: 'Bare' }))).toBe('Bare');
  });

  it.each<[string, NodeMatcher]>([
    ['an expression that is none', byId({ case: 'safeRegex', value: { regex: '(' } })],
    ['what RE2 does not have', byId({ case: 'safeRegex', value: { regex: '(a)\\1' } })],
    ['nothing to match by', create(NodeMatcherSchema, { nodeId: {} })],
    ['an extension', byId({ case: 'custom', value: { name: 'x' } })],
    [
      'metadata without a path',
      create(NodeMatcherSchema, {
        nodeMetadatas: [{ value: { matchPattern: { case: 'boolMatch', value: true } } }],
      }),
    ],
    [
      'metadata without a value',
      create(NodeMatcherSchema, {
        nodeMetadatas: [{ path: [{ segment: { case: 'key', value: 'a' } }] }],
      }),
    ],
  ])('are refused: %s', (_title, matcher) => {
    expect(() => matched(matcher)).toThrow(InvalidRequest);
  });
});
