import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CompileFixture } from './compile-fixture.js';

// Real OPA processes that work until they are stopped, on a machine that may have other work.
jest.setTimeout(180_000);

const FILE = 'policies/teams/rides/more.rego';
const DEPTH = 12_000;

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

describe('a policy that explodes', () => {
  it.each([
    [
      'is evaluated without end',
      `needs contains {"service": "orders", "operation": sprintf("%d.%d", [a, b])} if {
	some a in numbers.range(1, 4000)
	some b in numbers.range(1, 4000)
	a * b < 0
}`,
      'policies/teams/rides/grants.rego:5: cannot be evaluated: evaluation takes more than 2 s',
    ],
    [
      'is more than OPA can get through',
      `nested := ${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`,
      'policies/teams/rides/grants.rego:1: cannot be compiled: opa parse works for more than 5 s (make the policies simpler, or split what one rule states)',
    ],
  ])('and %s is refused by name, alone', async (_how, rule, problem) => {
    const text = `package mesh.teams.rides\n\n${rule}\n`;
    expect(await fixture.problemsOf({ [FILE]: text })).toEqual([problem]);
    // The compiler goes on with what is sound.
    expect((await fixture.compile()).edges).toHaveLength(4);
  });
});
