import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TypedResource } from './resource.js';
import {
  emptyResourceSet,
  type ResourceSet,
  resourceSet,
  withChanges,
  withoutResource,
  withResource,
} from './resource-set.js';
import { TypeUrl } from './type-url.js';

function endpoint(name: string, version: string): TypedResource {
  return { name, version, typeUrl: TypeUrl.Endpoint, value: new Uint8Array() };
}

const names = fc.constantFrom('a', 'b', 'c', 'd');
const versions = fc.constantFrom('1', '2', '3');

describe('a resource set', () => {
  it('has the version of its content, however it came to be', () => {
    const changes = fc.array(fc.record({ name: names, version: fc.option(versions) }));
    fc.assert(
      fc.property(changes, (list) => {
        const derived = list.reduce<ResourceSet>(
          (set, { name, version }) =>
            version === null
              ? withoutResource(set, name)
              : withResource(set, endpoint(name, version)),
          emptyResourceSet,
        );
        const reversed = [...derived.resources.values()].reverse();
        expect(resourceSet(reversed).version).toBe(derived.version);
      }),
    );
  });

  it('has another version when a name or a version differs', () => {
    const sets = [
      [],
      [endpoint('a', '1')],
      [endpoint('a', '2')],
      [endpoint('b', '1')],
      [endpoint('a', '1'), endpoint('b', '1')],
      [endpoint('a', '2'), endpoint('b', '1')],
      [endpoint('a', '1'), endpoint('b', '2')],
    ].map((resources) => resourceSet(resources).version);
    expect(new Set(sets).size).toBe(sets.length);
  });
});

describe('withChanges', () => {
  const [a1, b1, a2] = [endpoint('a', '1'), endpoint('b', '1'), endpoint('a', '2')];
  const set = resourceSet([a1, b1]);

  it('gives the same set when nothing differs', () => {
    expect(
      withChanges(set, [
        ['a', { ...a1 }],
        ['nowhere', undefined],
      ]),
    ).toBe(set);
  });

  it('gives what making the set anew would give, aliases included, and leaves the old one', () => {
    const named = { ...a2, aliases: ['x'] };
    const changed = withChanges(set, [
      ['a', named],
      ['b', undefined],
    ]);
    expect(changed).toEqual(resourceSet([named]));
    expect(changed.aliases?.get('x')).toBe('a');
    expect(withChanges(changed, [['b', b1]]).aliases?.get('x')).toBe('a');
    expect([...set.resources.keys()]).toEqual(['a', 'b']);
  });
});
