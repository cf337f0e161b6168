import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GUESTS, HelloCheckout } from './testing/hello-checkout.js';

// The built command with a real OPA, on a machine that may have other work.
jest.setTimeout(120_000);

let hello: HelloCheckout;
let good: string;
beforeAll(async () => {
  hello = await HelloCheckout.create();
  good = await hello.rules();
});
afterAll(() => hello?.remove());

const save = (rules: string) => writeFile(join(hello.directory, GUESTS), rules);
const withoutTitle = () => good.replace(/# METADATA\n# title: .*\n/, '');

describe('dotline policy check', () => {
  it('ends with 0 when all is well, and prints nothing for editors', async () => {
    await save(good);
    const { code, stdout } = await hello.dotline('policy', 'check', '--strict');
    expect(stdout).toMatch(/guests +1 of 1 +100 %/);
    expect(stdout).toContain('0 errors, 0 warnings');
    expect(code).toBe(0);
    expect(await hello.dotline('policy', 'check', '--format', 'editor')).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  it('ends with 0 for a warning, and with 1 when it is strict', async () => {
    await save(withoutTitle());
    const warning = await hello.dotline('policy', 'check', '--format', 'editor');
    const file = relative('', join(hello.directory, GUESTS));
    expect(warning.stdout).toMatch(/^\S+:3:1: warning: the rule has no title \(.*\)\n$/);
    expect(warning.stdout.startsWith(`${file}:3:1`)).toBe(true);
    expect(warning.code).toBe(0);
    expect((await hello.dotline('policy', 'check', '--strict')).code).toBe(1);
  });

  it('ends with 1 for an error, also as JSON', async () => {
    await save(good.replace('greeter.greet', 'greeter.gret'));
    const { code, stdout } = await hello.dotline('policy', 'check', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).remarks).toContainEqual({
      ...{ file: GUESTS, line: 5, severity: 'error', check: 'mesh' },
      message: 'unknown operation greeter.gret',
      hint: 'did you mean greeter.greet?',
    });
  });

  it('ends with 2 when it is misspelt', async () => {
    expect((await hello.dotline('policy', 'check', '--format', 'xml')).code).toBe(2);
    expect((await hello.dotline('policy', 'czech')).code).toBe(2);
  });

  it('ends with 3 when there is no OPA', async () => {
    const before = process.env.OPA_PATH;
    process.env.OPA_PATH = '/nowhere/opa';
    const { code, stderr } = await hello.dotline('policy', 'check');
    if (before === undefined) delete process.env.OPA_PATH;
    else process.env.OPA_PATH = before;
    expect(stderr).toContain('/nowhere/opa');
    expect(code).toBe(3);
  });
});

describe('dotline policy fmt', () => {
  it('names with --check what it would write, and writes it without', async () => {
    await save(good.replace('needs contains {', 'needs   contains   {'));
    const wouldBe = await hello.dotline('policy', 'fmt', '--check');
    expect(wouldBe).toMatchObject({ code: 1, stdout: `would be formatted: ${GUESTS}\n` });
    const formatted = await hello.dotline('policy', 'fmt');
    expect(formatted).toMatchObject({ code: 0, stdout: `formatted ${GUESTS}\n` });
    expect(await readFile(join(hello.directory, GUESTS), 'utf8')).toBe(good);
    expect((await hello.dotline('policy', 'fmt', '--check')).code).toBe(0);
  });

  it('ends with 1 for what does not parse', async () => {
    await save('package mesh.teams.guests\n\nx := {\n');
    const { code, stdout } = await hello.dotline('policy', 'fmt');
    expect(code).toBe(1);
    expect(stdout).toContain(`${GUESTS}:4: unexpected eof token`);
  });
});
