import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { buildUnit } from './build-unit.js';
import { EvaluationError, Evaluator } from './evaluator.js';
import { Opa } from './opa.js';
import { policyCapabilities } from './policy-capabilities.js';
import type { PolicyUnit } from './policy-unit.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const entrypoint = 'mesh/teams/rides/dotline_needs';
let opa: Opa;
let capabilities: string;
let evaluator: Evaluator;

beforeAll(async () => {
  opa = await Opa.open(process.env.OPA_PATH ?? 'opa');
  capabilities = await policyCapabilities(opa);
  evaluator = new Evaluator(2_000);
});
afterAll(() => evaluator.close());

async function compiled(body: string): Promise<Uint8Array> {
  const file = 'policies/teams/rides/needs.rego';
  const unit: PolicyUnit = {
    owner: 'rides',
    kind: 'team',
    package: 'mesh.teams.rides',
    emits: [{ package: 'mesh.teams.rides', rule: 'needs' }],
    sources: [{ file, path: file, text: `package mesh.teams.rides\n\n${body}\n` }],
    tests: [],
  };
  const result = await buildUnit(opa, capabilities, unit);
  if ('problems' in result || result.built.wasm === undefined) throw new Error('not built');
  return result.built.wasm;
}

let programs = 0;
function request(wasm: Uint8Array, data = '{}') {
  const key = String(programs++);
  return { key, program: () => ({ wasm, data }), entrypoints: [entrypoint] };
}

describe('an evaluator', () => {
  it('answers with what each entrypoint is', async () => {
    const wasm = await compiled('needs contains service if some service in data.catalog');
    const results = await evaluator.evaluate(request(wasm, '{"catalog": ["ä", "b"]}'));
    expect(results[entrypoint]).toEqual(
      expect.arrayContaining([
        { rule: 0, relation: 'ä' },
        { rule: 0, relation: 'b' },
      ]),
    );
  });

  it('stops what takes too long, and goes on with the next', async () => {
    const endless = await compiled(`needs contains 1 if {
	some a, b in numbers.range(1, 30000)
	some c in numbers.range(1, 30000)
	a * b * c < 0
}`);
    const quick = await compiled('needs contains 2');
    const ask = (wasm: Uint8Array) => evaluator.evaluate(request(wasm));
    const [first, second] = await Promise.allSettled([ask(endless), ask(quick)]);
    expect(first).toMatchObject({
      status: 'rejected',
      reason: new EvaluationError('evaluation takes more than 2 s'),
    });
    expect(second).toMatchObject({
      value: { [entrypoint]: [{ rule: 0, relation: 2 }] },
    });
  });

  it('refuses what is no policy', async () => {
    const wasm = new Uint8Array([1, 2, 3]);
    const answer = evaluator.evaluate(request(wasm));
    await expect(answer).rejects.toBeInstanceOf(EvaluationError);
  });
});
