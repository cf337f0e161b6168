import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { buildUnit } from './build-unit.js';
import type { PolicyUnit } from './policy-unit.js';
import { RegoTools } from './rego-tools.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

let tools: RegoTools;
beforeAll(async () => {
  tools = await RegoTools.open(process.env.OPA_PATH ?? 'opa');
});

const HEAD = '{"caller": candidate.caller, "operation": candidate.operation, "reason": "no"}';

describe('guardrails are asked about candidates one by one', () => {
  it.each([
    [
      true,
      `deny contains ${HEAD} if { some candidate in input.candidates; candidate.class == "pii" }`,
    ],
    [
      true,
      `deny contains ${HEAD} if { some candidate in input.candidates; bad(candidate) }
bad(candidate) if not "service" in candidate.grantedTo`,
    ],
    // What others there are decides.
    [
      false,
      `deny contains ${HEAD} if {
	some candidate in input.candidates
	count([1 | some each in input.candidates; each.callee == candidate.callee]) > 1
}`,
    ],
    [
      false,
      `crowded contains candidate.callee if some candidate in input.candidates
deny contains {"caller": "a", "operation": operation, "reason": "no"} if some operation in crowded`,
    ],
    [false, `deny contains ${HEAD} if { some index, candidate in input.candidates; index > 3 }`],
    [false, `deny contains ${HEAD} if { candidate := input.candidates[_] }`],
    [
      false,
      `all := input.candidates
deny contains ${HEAD} if { some candidate in all }`,
    ],
    // It speaks of something else.
    [
      false,
      `deny contains {"caller": candidate.callee, "operation": candidate.operation, "reason": "no"} if {
	some candidate in input.candidates
}`,
    ],
    [
      false,
      'deny contains {"caller": "a", "operation": "b.c", "reason": "no"} if data.catalog.services',
    ],
  ])('%s: %s', async (expected, rules) => {
    const file = 'policies/platform/guardrails.rego';
    const unit: PolicyUnit = {
      owner: 'platform',
      kind: 'platform',
      package: 'mesh.platform',
      emits: [{ package: 'mesh.platform.guardrails', rule: 'deny' }],
      sources: [{ file, path: file, text: `package mesh.platform.guardrails\n\n${rules}\n` }],
      tests: [],
    };
    const result = await buildUnit(tools, unit);
    expect('built' in result && result.built.facts.judgesOneByOne).toBe(expected);
  });
});
