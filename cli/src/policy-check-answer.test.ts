import type { PolicyRemark, PolicyReport } from '@dotline/policies/check-policies';
import { describe, expect, it } from '@jest/globals';
import { ExitCode } from './exit-code.js';
import { policyCheckAnswer } from './policy-check-answer.js';

const error: PolicyRemark = {
  file: 'policies/teams/rides/a.rego',
  line: 3,
  column: 9,
  severity: 'error',
  check: 'mesh',
  message: 'undefined function x',
  hint: 'only y\n may be used',
};
const warning: PolicyRemark = {
  file: '@dotline/policies/platform/baseline.rego',
  line: 5,
  severity: 'warning',
  check: 'title',
  message: 'the rule has no title',
};

function reportOf(remarks: readonly PolicyRemark[]): PolicyReport {
  return {
    remarks,
    errors: remarks.filter(({ severity }) => severity === 'error').length,
    warnings: remarks.filter(({ severity }) => severity === 'warning').length,
    testsPassed: 7,
    testsKept: 5,
    coverage: [{ team: 'rides', coveredLines: 3, lines: 4, uncovered: [] }],
  };
}

describe('dotline policy check', () => {
  it.each<[remarks: readonly PolicyRemark[], strict: boolean, exitCode: number]>([
    [[], true, ExitCode.ok],
    [[warning], false, ExitCode.ok],
    [[warning], true, ExitCode.no],
    [[error], false, ExitCode.no],
    [[error, warning], true, ExitCode.no],
  ])('%j, strict %j: ends with %d', (remarks, strict, exitCode) => {
    const options = { mesh: '.', format: 'text', strict } as const;
    expect(policyCheckAnswer(reportOf(remarks), options).exitCode).toBe(exitCode);
  });

  it('prints for editors a line for each remark, with paths from the working directory', () => {
    const options = { mesh: 'examples/hello', format: 'editor', strict: false } as const;
    expect(policyCheckAnswer(reportOf([error, warning]), options).text.split('\n')).toEqual([
      'examples/hello/policies/teams/rides/a.rego:3:9: error: undefined function x (only y may be used)',
      '@dotline/policies/platform/baseline.rego:5:1: warning: the rule has no title',
    ]);
    expect(policyCheckAnswer(reportOf([]), options).text).toBe('');
  });

  it('prints for people the coverage and a summary too', () => {
    const options = { mesh: '.', format: 'text', strict: false } as const;
    const { text } = policyCheckAnswer(reportOf([error, warning]), options);
    expect(text).toContain('policies/teams/rides/a.rego:3:9: error: undefined function x');
    expect(text).toMatch(/rides +3 of 4 +75 %/);
    expect(text).toContain(
      '1 error, 1 warning, 7 tests passed, 5 of them earlier on the same files',
    );
  });
});
