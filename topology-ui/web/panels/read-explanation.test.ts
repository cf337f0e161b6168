import { describe, expect, it } from '@jest/globals';
import { exampleExplanation } from '../test-support/example-explanation.js';
import { exampleGraph } from '../test-support/example-mesh.js';
import { readExplanation } from './read-explanation.js';

describe('reading an explanation', () => {
  it('keeps a whole one as it is', () => {
    const explanation = exampleExplanation(exampleGraph(), 'ratings', 'payments');
    expect(explanation?.operations.length).toBeGreaterThan(0);
    expect(readExplanation(JSON.parse(JSON.stringify(explanation)))).toEqual(explanation);
  });

  it('fills what is missing', () => {
    expect(readExplanation({ summary: 'No.', operations: [{ missing: [{}] }] })).toEqual({
      from: '',
      to: '',
      verdict: 'unknown',
      summary: 'No.',
      operations: [
        {
          operation: '',
          class: 'read',
          state: 'blocked',
          purposes: [],
          optional: false,
          grantedTo: [],
          refusals: [],
          missing: [{ side: 'need', team: '', contact: '', file: '', packageLine: '', rego: '' }],
        },
      ],
    });
  });

  it.each([null, undefined, 'text', 7, [], {}])('reads %p as none', (answer) => {
    expect(readExplanation(answer)).toBeNull();
  });
});
