import type { Edge } from '@dotline/model/edge';
import { describe, expect, it } from '@jest/globals';
import { exceededLimits } from './edge-limits.js';

function edge(caller: string, callee: string, line: number, commit?: string): Edge {
  const file = `policies/teams/north/${commit ?? 'new'}.rego`;
  const witness = { team: 'north', file, line, ...(commit === undefined ? {} : { commit }) };
  const operations = [{ operation: `${callee}.get`, need: witness, grant: witness }];
  return { id: `${caller}->${callee}`, caller, callee, operations };
}

const EDGES = [edge('a', 'x', 3, 'z1'), edge('a', 'y', 7), edge('b', 'x', 5, 'z1')];

describe('limits of edges', () => {
  it('are kept by a service that has just as many', () => {
    expect(exceededLimits({ limits: { fanIn: 2, fanOut: 2 } }, EDGES)).toEqual([]);
  });

  it('hold for nobody where none are set', () => {
    expect(exceededLimits({}, EDGES)).toEqual([]);
  });

  it('name the service that is called by too many, at the last need', () => {
    expect(exceededLimits({ limits: { fanIn: 1, fanOut: 2 } }, EDGES)).toEqual([
      {
        file: 'policies/teams/north/z1.rego',
        line: 5,
        message: 'x would be called by 2 services, more than 1',
        hint: expect.stringContaining('raise limits.fanIn in mesh.yaml'),
      },
    ]);
  });

  it('name the service that calls too many, at the need that is not committed', () => {
    expect(exceededLimits({ limits: { fanIn: 2, fanOut: 1 } }, EDGES)).toEqual([
      {
        file: 'policies/teams/north/new.rego',
        line: 7,
        message: 'a would call 2 services, more than 1',
        hint: expect.stringContaining('raise limits.fanOut in mesh.yaml'),
      },
    ]);
  });
});
