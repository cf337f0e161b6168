import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { formatPolicies } from './format-policies.js';
import { writeFolder } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

const opaPath = process.env.OPA_PATH ?? 'opa';
const UGLY = 'package   mesh.teams.a\nx:=1\n';
const TIDY = 'package mesh.teams.a\n\nx := 1\n';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function meshWith(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await writeFolder({ 'mesh.yaml': '', ...files });
  folders.push(directory);
  return directory;
}

describe('formatting', () => {
  const files = {
    'policies/teams/a/a.rego': UGLY,
    'policies/teams/a/a_test.rego': UGLY,
    'policies/teams/a/tidy.rego': TIDY,
    'policies/platform/a.rego': UGLY,
    'elsewhere/a.rego': UGLY,
  };
  const ugly = [
    'policies/platform/a.rego',
    'policies/teams/a/a.rego',
    'policies/teams/a/a_test.rego',
  ];

  it("writes the teams' and the platform's rules and tests the way of opa fmt", async () => {
    const directory = await meshWith(files);
    const read = (file: string) => readFile(join(directory, file), 'utf8');
    const result = await formatPolicies(directory, { opaPath, checkOnly: false });
    expect(result).toEqual({ changed: ugly, problems: [] });
    for (const file of ugly) expect(await read(file)).toBe(TIDY);
    expect(await read('elsewhere/a.rego')).toBe(UGLY);
    const again = await formatPolicies(directory, { opaPath, checkOnly: false });
    expect(again).toEqual({ changed: [], problems: [] });
  });

  it('writes nothing when it only checks', async () => {
    const directory = await meshWith(files);
    const result = await formatPolicies(directory, { opaPath, checkOnly: true });
    expect(result).toEqual({ changed: ugly, problems: [] });
    expect(await readFile(join(directory, 'policies/teams/a/a.rego'), 'utf8')).toBe(UGLY);
  });

  it('names files that do not parse, and formats the others', async () => {
    const directory = await meshWith({
      ...files,
      'policies/teams/a/b.rego': 'package mesh.teams.a\n\nx := {\n',
      'policies/teams/a/c.rego': 'package mesh.teams.a\n\ny := )\n',
    });
    const { changed, problems } = await formatPolicies(directory, { opaPath, checkOnly: false });
    expect(changed).toEqual(ugly);
    expect(new Set(problems.map(({ file, line }) => `${file}:${line}`))).toEqual(
      new Set(['policies/teams/a/b.rego:4', 'policies/teams/a/c.rego:3']),
    );
    for (const { message } of problems) expect(message).toMatch(/token/);
  });

  it('refuses a directory without a mesh', async () => {
    const directory = await writeFolder(files);
    folders.push(directory);
    expect(await formatPolicies(directory, { opaPath, checkOnly: false })).toMatchObject({
      changed: [],
      problems: [{ file: 'mesh.yaml', message: 'is missing' }],
    });
  });

  it('says when there is no OPA', async () => {
    const directory = await meshWith(files);
    await expect(
      formatPolicies(directory, { opaPath: '/nowhere/opa', checkOnly: true }),
    ).rejects.toMatchObject({ code: 'missing' });
  });
});
