import type { Mesh, Service } from '@dotline/model/mesh';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { INSTANCES_MAX, PlanError, planInstances } from './instance-plan.js';

function meshOf(placements: Readonly<Record<string, readonly string[]>>): Mesh {
  const services = Object.entries(placements).map(
    ([name, placement]): Service => ({
      name,
      team: 't',
      product: 'p',
      tier: 'standard',
      language: 'go',
      description: name,
      command: ['x'],
      environment: {},
      operations: [],
      datastore: 'none',
      placement,
      directory: '/x',
      file: 'x',
    }),
  );
  const cells = [
    { name: 'c1', zone: 'z1', region: 'r' },
    { name: 'c2', zone: 'z2', region: 'r' },
  ];
  return {
    name: 'm',
    trustDomain: 't',
    contact: 'c',
    cells,
    teams: [],
    products: [],
    services,
    objectives: [],
    directory: '/m',
  };
}

describe('planInstances', () => {
  it('numbers the replicas of a service and places each in its cell', () => {
    const planned = planInstances(
      meshOf({ fare: ['c1', 'c2'], orders: ['c2'] }),
      '127.70.3',
      new Map(),
    );
    expect(
      planned.map(({ instance }) => [instance.id, instance.cell, instance.zone, instance.address]),
    ).toEqual([
      ['fare-1', 'c1', 'z1', '127.70.3.1'],
      ['fare-2', 'c2', 'z2', '127.70.3.2'],
      ['orders-1', 'c2', 'z2', '127.70.3.3'],
    ]);
  });

  it('gives every instance an address of its own and never moves one that has one', () => {
    const placements = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,6}$/),
      fc.array(fc.constantFrom('c1', 'c2'), { minLength: 1, maxLength: 4 }),
      { maxKeys: 40 },
    );
    fc.assert(
      fc.property(placements, placements, (first, second) => {
        const before = planInstances(meshOf(first), '127.70.250', new Map());
        const addresses = new Map(before.map(({ id, instance }) => [id, instance.address]));
        const after = planInstances(meshOf({ ...second, ...first }), '127.70.250', addresses);
        const all = after.map(({ instance }) => instance.address);
        expect(new Set(all).size).toBe(all.length);
        for (const { id, instance } of after)
          expect(instance.address).toBe(addresses.get(id) ?? instance.address);
        for (const address of all)
          expect(
            address
              .split('.')
              .map(Number)
              .every((byte) => byte >= 0 && byte <= 255),
          ).toBe(true);
      }),
    );
  });

  it('says when one machine is not enough', () => {
    const placement = Array.from({ length: INSTANCES_MAX + 1 }, () => 'c1');
    expect(() => planInstances(meshOf({ fare: placement }), '127.70.3', new Map())).toThrow(
      PlanError,
    );
  });
});
