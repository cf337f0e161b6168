import type { PolicyReport } from '@dotline/policies/check-policies';
import { counted } from './policy-diff-words.js';

/** Such as `91 tests passed, 85 of them earlier on the same files`. */
export function passedTests(
  reports: readonly Pick<PolicyReport, 'testsPassed' | 'testsKept'>[],
): string {
  const passed = reports.reduce((sum, { testsPassed }) => sum + testsPassed, 0);
  const kept = reports.reduce((sum, { testsKept }) => sum + testsKept, 0);
  const said = `${counted(passed, 'test', 'tests')} passed`;
  return kept === 0 ? said : `${said}, ${kept} of them earlier on the same files`;
}
