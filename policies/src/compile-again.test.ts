import { readdir, rm, truncate } from 'node:fs/promises';
import { MeshError } from '@dotline/model/mesh-error';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CompileFixture } from './compile-fixture.js';
import { type CompileFacts, PolicyCompiler } from './compile-policies.js';
import { meshOf, POLICIES, SKETCHES, writeFiles } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(120_000);

let fixture: CompileFixture;
beforeAll(async () => {
  fixture = await CompileFixture.create();
});
afterAll(() => fixture.remove());

describe('a compiler that is used again', () => {
  it('does only what changed, and answers as a new one', async () => {
    const directory = await fixture.folder(POLICIES);
    const own = await fixture.folder({});
    const facts: CompileFacts[] = [];
    const compiler = new PolicyCompiler({
      opaPath: fixture.opaPath,
      cacheDirectory: own,
      log: (_message, each) => facts.push(each),
    });
    const compileAndCount = async (sketches = SKETCHES) => {
      const compiled = await compiler.compile(meshOf(directory, sketches));
      const fresh = new PolicyCompiler({
        opaPath: fixture.opaPath,
        cacheDirectory: fixture.cacheDirectory,
      });
      expect(compiled).toEqual(await fresh.compile(meshOf(directory, sketches)));
      const { built, evaluated } = facts.at(-1) ?? { built: -1, evaluated: -1 };
      return { built, evaluated };
    };

    // Three teams and the platform.
    expect(await compileAndCount()).toEqual({ built: 4, evaluated: 4 });
    expect(await compileAndCount()).toEqual({ built: 0, evaluated: 0 });

    await writeFiles(directory, {
      'policies/teams/pricing/policy.rego':
        'package mesh.teams.pricing\n\ngrants contains {"operation": "fare.estimate", "caller": {"service": "orders"}}\n',
    });
    // The guardrails see another candidate.
    expect(await compileAndCount()).toEqual({ built: 1, evaluated: 2 });

    await writeFiles(directory, {
      'policies/teams/pricing/policy.rego': 'package mesh.teams.fare\n',
    });
    await expect(compiler.compile(meshOf(directory))).rejects.toBeInstanceOf(MeshError);
    await rm(`${directory}/policies/teams/pricing`, { recursive: true });
    expect(await compileAndCount()).toMatchObject({ built: 0 });

    // Another catalog: only the units that look at it are evaluated again (rides and the guardrails).
    const catalog = [...SKETCHES, { name: 'ledger', team: 'rides' }];
    expect(await compileAndCount(catalog)).toEqual({ built: 0, evaluated: 2 });
  });

  it('finds compiled policies on disk, and compiles them again when they are damaged or gone', async () => {
    const directory = await fixture.folder(POLICIES);
    const own = await fixture.folder({});
    const built = async () => {
      let count = -1;
      const compiler = new PolicyCompiler({
        opaPath: fixture.opaPath,
        cacheDirectory: own,
        log: (_message, facts) => {
          count = facts.built;
        },
      });
      expect((await compiler.compile(meshOf(directory))).edges).toHaveLength(4);
      return count;
    };
    const entries = async (of: 'build' | 'catalog') =>
      (await readdir(`${own}/policies`)).filter(
        (name) => name.startsWith('catalog-') === (of === 'catalog'),
      );
    expect(await built()).toBe(4);
    expect(await built()).toBe(0);
    const [entry] = await entries('build');
    await truncate(`${own}/policies/${entry}/facts.json`, 10);
    expect(await built()).toBe(1);
    const [catalog] = await entries('catalog');
    await truncate(`${own}/policies/${catalog}/sections.json`, 10);
    expect(await built()).toBe(0);
    // A result that is kept needs no WebAssembly; without it, the damage shows, and does not matter.
    for (const each of await entries('build')) {
      await truncate(`${own}/policies/${each}/policy.wasm`, 10_000);
    }
    expect(await built()).toBe(0);
    for (const each of await entries('build')) {
      for (const result of ['stated', 'denied']) {
        await rm(`${own}/policies/${each}/result-${result}.json`, { force: true });
      }
    }
    expect(await built()).toBe(0);
    await rm(`${own}/policies`, { recursive: true });
    expect(await built()).toBe(4);
    expect(await built()).toBe(0);
  });

  it('compiles concurrently', async () => {
    const directory = await fixture.folder(POLICIES);
    const compiler = new PolicyCompiler({
      opaPath: fixture.opaPath,
      cacheDirectory: await fixture.folder({}),
    });
    const mesh = meshOf(directory);
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => compiler.compile(mesh)));
    for (const other of others) expect(other).toEqual(first);
  });
});
