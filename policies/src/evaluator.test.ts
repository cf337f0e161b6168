import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { buildUnit } from './build-unit.js';
import { EvaluationError, Evaluator } from './evaluator.js';
import type { PolicyUnit } from './policy-unit.js';
import { RegoTools } from './rego-tools.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

const entrypoint = 'mesh/teams/rides/dotline_needs';
let tools: RegoTools;
let evaluator: Evaluator;
/** For what ends for another reason than time. */
let patient: Evaluator;

beforeAll(async () => {
  tools = await RegoTools.open(process.env.OPA_PATH ?? 'opa');
  evaluator = new Evaluator(500);
  patient = new Evaluator(60_000);
});
afterAll(() => Promise.all([evaluator.close(), patient.close()]));

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
  const result = await buildUnit(tools, unit);
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
      reason: new EvaluationError('evaluation takes more than 0.5 s'),
    });
    expect(second).toMatchObject({
      value: { [entrypoint]: [{ rule: 0, relation: 2 }] },
    });
  });

  it('ends what needs more memory than a policy may have', async () => {
    const wasm = await compiled(`all := numbers.range(1, 5000)

needs contains {"number": number, "all": all} if some number in numbers.range(1, 3000)`);
    await expect(patient.evaluate(request(wasm))).rejects.toEqual(
      new EvaluationError('needs more than 256 MiB of memory'),
    );
  });

  it('ends what has a result that is too large for its thread', async () => {
    const wasm = await compiled(`all := [{} | some number in numbers.range(1, 5000)]

needs contains {"number": number, "all": all} if some number in numbers.range(1, 1500)`);
    await expect(patient.evaluate(request(wasm))).rejects.toEqual(
      new EvaluationError('its result takes more than 256 MiB'),
    );
    const quick = await compiled('needs contains 2');
    expect(await patient.evaluate(request(quick))).toEqual({
      [entrypoint]: [{ rule: 0, relation: 2 }],
    });
  });

  it('loads what several requests ask about once, for each of them', async () => {
    const wasm = await compiled('needs contains service if some service in data.catalog');
    let loads = 0;
    const shared = {
      key: 'shared',
      program: () => {
        loads++;
        return { wasm, data: '{"catalog": ["a"]}' };
      },
      entrypoints: [entrypoint],
    };
    const results = await Promise.all([1, 2, 3, 4].map(() => patient.evaluate(shared)));
    for (const result of results) {
      expect(result).toEqual({ [entrypoint]: [{ rule: 0, relation: 'a' }] });
    }
    // At most once in each of the threads.
    expect(loads).toBeLessThanOrEqual(2);
  });

  it('refuses what is no policy', async () => {
    const wasm = new Uint8Array([1, 2, 3]);
    const answer = evaluator.evaluate(request(wasm));
    await expect(answer).rejects.toBeInstanceOf(EvaluationError);
  });
});
