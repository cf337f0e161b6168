import { stripVTControlCharacters } from 'node:util';
import type { Witness } from '@dotline/model/edge';
import type { Explanation, OperationExplanation } from '@dotline/policies/explain';
import { describe, expect, it } from '@jest/globals';
import { ExitCode } from './exit-code.js';
import { explainAnswer } from './explain-answer.js';

const need: Witness = {
  team: 'rides',
  file: 'policies/teams/rides/orders.rego',
  line: 9,
  title: 'A trial of live prices',
  owner: 'Ada',
  ticket: 'RIDES-12',
  expires: '2031-05-20',
};
const grant: Witness = { team: 'pricing', file: 'policies/teams/pricing/fare.rego', line: 5 };

describe('dotline explain', () => {
  it('shows what people say about each rule of an edge', () => {
    const explanation: Explanation = {
      from: 'orders',
      to: 'fare',
      verdict: 'allowed',
      summary: 'orders may use fare.get-estimate',
      operations: [
        {
          operation: 'fare.get-estimate',
          class: 'read',
          state: 'agreed',
          purposes: ['pricing', 'support'],
          optional: true,
          need,
          grant,
          grantedTo: ['orders'],
          refusals: [],
          missing: [],
        },
      ],
    };
    const { text, exitCode } = explainAnswer(explanation);
    expect(exitCode).toBe(ExitCode.ok);
    expect(stripVTControlCharacters(text).split('\n').slice(-3)).toEqual([
      'fare.get-estimate (read) for pricing, support; optional',
      '  needed by rides at policies/teams/rides/orders.rego:9 (not committed): A trial of live prices [owner Ada, ticket RIDES-12, expires after 2031-05-20]',
      '  granted by pricing at policies/teams/pricing/fare.rego:5 (not committed)',
    ]);
  });

  it('says which rule has each request decided, and what comes of it when nobody can', () => {
    const decided = { operation: 'fare.get-estimate', fail: 'open', witness: grant } as const;
    const operation: OperationExplanation = {
      operation: 'fare.get-estimate',
      class: 'read',
      state: 'agreed',
      optional: false,
      purposes: [],
      grantedTo: [],
      refusals: [],
      missing: [],
      decided,
    };
    const answer = { from: 'orders', to: 'fare', verdict: 'allowed', summary: 'yes' } as const;
    const { text } = explainAnswer({ ...answer, operations: [operation] });
    expect(text.split('\n').slice(-2)).toEqual([
      '  each request decided by pricing at policies/teams/pricing/fare.rego:5 (not committed)',
      '  let through while nobody can decide; dotline policy decisions shows what came of it',
    ]);
  });
});
