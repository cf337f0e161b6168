import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GUESTS, HelloCheckout, type Ran } from './testing/hello-checkout.js';

jest.setTimeout(120_000);

let hello: HelloCheckout;

function policyDiff(...args: readonly string[]): Promise<Ran> {
  return hello.dotline('policy', 'diff', ...args);
}

beforeAll(async () => {
  hello = await HelloCheckout.create();
  const rules = await hello.rules();
  await hello.branch('quiet', 'package mesh.teams.guests\n');
  await hello.branch(
    'curious',
    `${rules}\nneeds contains {"service": "visitor", "operation": "greeter.rename"}\n`,
  );
  await hello.branch('nonsense', rules.replace('greeter.greet', 'greeter.greed'));
});

afterAll(() => hello?.remove());

describe('dotline policy diff', () => {
  it('is safe and empty without a change, of HEAD and the working directory', async () => {
    const { code, stdout } = await policyDiff();
    expect(stdout).toMatch(/^HEAD \([0-9a-f]{10}\) → the working directory\n/);
    expect(stdout).toContain('no edge changes');
    expect(stdout).toContain('none of 2 changes');
    expect(code).toBe(0);
  });

  it('tells what a branch takes away, and that nobody looked whether it is used', async () => {
    const { code, stdout } = await policyDiff('main..quiet');
    expect(stdout).toContain('not known to be safe');
    expect(stdout).toContain('removed visitor → greeter\n    - greeter.greet (read)');
    expect(stdout).toContain('not looked at: no mesh is up');
    expect(stdout).toMatch(/visitor-1 +changed +−/);
    expect(code).toBe(3);
  });

  it('for a machine', async () => {
    const { code, stdout } = await policyDiff('quiet..main', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'safe',
      problems: [],
      preview: {
        edges: {
          added: [
            {
              id: 'visitor->greeter',
              operations: [{ operation: 'greeter.greet', need: { file: GUESTS } }],
            },
          ],
          removed: [],
        },
        newReach: [
          {
            kind: 'service',
            target: 'greeter',
            from: [{ service: 'visitor', path: ['visitor', 'greeter'] }],
          },
        ],
        traffic: { denied: null },
        sidecars: { total: 2, changed: [{ instance: 'greeter-1' }, { instance: 'visitor-1' }] },
      },
    });
  });

  it('for a pull request, with whom to ask', async () => {
    const { code, stdout } = await policyDiff('main..curious', '--markdown');
    expect(code).toBe(0);
    expect(stdout).toContain('✅ **safe: nothing is taken away**');
    expect(stdout).toContain(
      '`visitor` needs `greeter.rename`: ask team **hosts** (hosts&#64;hello.example) for `grants contains {"operation": "greeter.rename", "caller": {"service": "visitor"}}`',
    );
  });

  it('tells every problem of the head, in every form', async () => {
    const words = `${GUESTS}:5: unknown operation greeter.greed`;
    const { code, stdout } = await policyDiff('nonsense');
    expect(code).toBe(1);
    expect(stdout).toContain(words);
    const markdown = await policyDiff('nonsense', '--markdown');
    expect(markdown).toMatchObject({ code: 1, stdout: expect.stringContaining(words) });
    const { verdict, preview } = JSON.parse((await policyDiff('nonsense', '--json')).stdout);
    expect([verdict, preview]).toEqual(['unsafe', null]);
  });

  it.each([
    [['nobody..main'], 2, /^Git knows no nobody in .*\n$/],
    [['main..nobody'], 2, /^Git knows no nobody in .*\n$/],
    [['a...b'], 2, /a range is base\.\.head/],
    [['main', '--json', '--markdown'], 2, /not both/],
    [['main', '--days', '0'], 2, /from 1 to 90/],
    [['live..main'], 3, /^no mesh is up in .*\n$/],
    [['nonsense..main'], 3, /^nonsense cannot be compared with/],
  ])('%j exits with %i and says why', async (args, code, words) => {
    expect(await policyDiff(...args)).toMatchObject({ code, stderr: expect.stringMatching(words) });
  });
});
