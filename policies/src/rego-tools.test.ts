import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Opa } from './opa.js';
import { OpaProcesses } from './opa-processes.js';
import { OpaWorker, OpaWorkerLost } from './opa-worker.js';
import { readRegoModule } from './rego-module.js';
import type { RegoTool } from './rego-tool.js';
import { RegoTools } from './rego-tools.js';

const opaPath = process.env.OPA_PATH ?? 'opa';
const file = 'policies/teams/rides/rides.rego';
const sound = `package mesh.teams.rides

# METADATA
# title: Drivers are paid
needs contains {"service": "orders", "operation": operation} if {
	some operation in ["payment.charge", "payment.refund"]
	startswith(operation, "payment.")
}
`;
const unsound = {
  'does not parse': 'package mesh.teams.rides\n\nneeds contains {\n',
  'is empty': '',
  'has no package': 'needs contains 1\n',
  'has broken annotations': 'package a\n\n# METADATA\n# title: [\np := 1\n',
  'uses a builtin that is not allowed': 'package a\n\np := http.send({"url": "x"})\n',
  'is recursive': 'package a\n\np if q\n\nq if p\n',
  'has an unsafe variable': 'package a\n\np contains x if y := 1\n',
  'has a type error': 'package a\n\np if count(1) > 2\n',
  'has two mistakes': 'package a\n\np if r\n\nq if s\n',
  'has an unused import': 'package a\n\nimport data.b\n\np := 1\n',
};

let worker: OpaWorker;
let processes: OpaProcesses;
beforeAll(async () => {
  const started = await OpaWorker.start(opaPath);
  if (started === undefined)
    throw new Error(`${opaPath} has no worker: use that of local-parts/opa`);
  worker = started;
  processes = new OpaProcesses(await Opa.open(opaPath));
});
afterAll(() => worker.close());

async function answersOf(tool: RegoTool, text: string, entrypoint: string) {
  const source = { file, text };
  return Promise.all([
    tool.parse(source),
    tool.check([source]),
    tool.build([source], [entrypoint]),
  ]);
}

/** What is read of a tree, of which the worker leaves out some text; or what is wrong. */
function read(parsed: Awaited<ReturnType<RegoTool['parse']>>) {
  if ('problems' in parsed) return parsed.problems;
  const module = readRegoModule(parsed.tree);
  return { ...module, judgesOneByOne: module.judgesOneByOne };
}

describe('the worker', () => {
  it('says what runs of opa say of a sound file', async () => {
    const entrypoint = 'mesh/teams/rides/needs';
    const [parsed, problems, built] = await answersOf(worker, sound, entrypoint);
    const [parsedAlone, problemsAlone, builtAlone] = await answersOf(processes, sound, entrypoint);
    expect(read(parsed)).toEqual(read(parsedAlone));
    expect([problems, problemsAlone]).toEqual([[], []]);
    expect(built).toEqual(builtAlone);
    expect('wasm' in built && built.wasm.length).toBeGreaterThan(10_000);
  });

  it.each(Object.entries(unsound))(
    'says what runs of opa say of one that %s',
    async (_how, text) => {
      const [parsed, problems] = await answersOf(worker, text, 'a/p');
      const [parsedAlone, problemsAlone] = await answersOf(processes, text, 'a/p');
      expect(read(parsed)).toEqual(read(parsedAlone));
      expect(problems).toEqual(problemsAlone);
      expect([...problems, ...('problems' in parsed ? parsed.problems : [])]).not.toEqual([]);
    },
  );

  it('says where a build fails', async () => {
    const source = { file, text: sound };
    const missing = await worker.build([source], ['mesh/teams/rides/grants']);
    expect(missing).toEqual({
      problems: [{ file, line: 1, message: expect.stringContaining('mesh/teams/rides/grants') }],
    });
  });

  it('fails what it was doing when it is ended, and is there for what comes next', async () => {
    const asked = worker.parse({ file, text: sound });
    // By then it is on its way.
    await setImmediate();
    worker.close();
    await expect(asked).rejects.toBeInstanceOf(OpaWorkerLost);
    expect(await worker.check([{ file, text: sound }])).toEqual([]);
  });
});

describe('a worker that dies in the middle of an answer', () => {
  it('has not answered', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'worker-'));
    const program = join(folder, 'opa');
    const script = `#!/bin/sh\necho '{"version":"1.22.2"}'\nread -r request\nprintf '{"id":1,"tre'\n`;
    await writeFile(program, script, { mode: 0o755 });
    const dying = await OpaWorker.start(program);
    await expect(dying?.parse({ file, text: sound })).rejects.toBeInstanceOf(OpaWorkerLost);
    await rm(folder, { recursive: true });
  });
});

describe('the tools', () => {
  it('do without a worker when the program has none', async () => {
    // A program that knows no such command, as the OPA of others.
    const tools = await RegoTools.open('/bin/false').catch((error: Error) => error.message);
    expect(tools).toContain('/bin/false');
  });
});
