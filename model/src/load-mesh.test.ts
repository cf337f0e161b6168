import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadMesh, MeshReader } from './load-mesh.js';
import { formatProblem, MeshError } from './mesh-error.js';

const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mesh-'));
  for (const part of ['mesh.yaml', 'services', 'policies', 'slo'])
    await cp(join(HELLO, part), join(directory, part), { recursive: true });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, file)), { recursive: true });
  await writeFile(join(directory, file), text);
}

async function problems(): Promise<string[]> {
  try {
    await loadMesh(directory);
    return [];
  } catch (error) {
    if (error instanceof MeshError) return error.problems.map(formatProblem);
    throw error;
  }
}

const SERVICE = `apiVersion: dotline/v1
name: porter
team: hosts
product: hello
tier: standard
language: go
description: Carries
command: ["{binary}"]
operations:
  - { name: carry, class: write, method: POST, path: /v1/bags }
placement: [cell-1]
`;
const PORTER = 'services/hello/porter/service.yaml';

describe('loadMesh', () => {
  it('reads what guardrails go by, and limits with their defaults', async () => {
    const personal = SERVICE.replace('class: write,', 'class: pii, purposes: [support],');
    await write(PORTER, personal.replace('tier:', 'stage: development\nrouter: true\ntier:'));
    const mesh = await loadMesh(directory);
    expect(mesh.limits).toEqual({ fanIn: 1_000, fanOut: 100 });
    expect(mesh.services[1]).toMatchObject({ stage: 'development', router: true });
    expect(mesh.services[1]?.operations[0]?.purposes).toEqual(['support']);
    expect(mesh.services[0]).toMatchObject({ stage: 'production', router: false });
  });

  it('reads how a revision comes to the sidecars; all at once when nothing says so', async () => {
    expect((await loadMesh(directory)).rollout).toBeUndefined();
    const file = join(directory, 'mesh.yaml');
    const mesh = await readFile(file, 'utf8');
    await writeFile(
      file,
      `${mesh}rollout: { strategy: progressive, canaries: 10%, cell: cell-1 }\n`,
    );
    expect((await loadMesh(directory)).rollout).toMatchObject({
      strategy: 'progressive',
      canaries: '10%',
      waves: ['canary', 'cell', 'all'],
      cell: 'cell-1',
      holdMs: 10_000,
      removals: 'in-waves',
      withoutSignal: 'stop',
    });
    await writeFile(file, `${mesh}rollout:\n  strategy: progressive\n  cell: cell-9\n`);
    expect(await problems()).toEqual([
      expect.stringMatching(/^mesh\.yaml:\d+: unknown cell cell-9/),
    ]);
    await writeFile(file, `${mesh}rollout: { waves: [cell, canary, all] }\n`);
    expect((await problems())[0]).toContain('end with all');
  });

  it('reads a mesh directory into the catalog', async () => {
    await write(PORTER, SERVICE);
    const mesh = await loadMesh(directory);
    expect(mesh.services.map(({ name }) => name)).toEqual(['greeter', 'porter', 'visitor']);
    expect(mesh.services[1]).toMatchObject({
      team: 'hosts',
      datastore: 'none',
      file: PORTER,
      placement: ['cell-1'],
    });
    expect(mesh.services[1]?.operations).toEqual([
      {
        id: 'porter.carry',
        name: 'carry',
        service: 'porter',
        class: 'write',
        method: 'POST',
        path: '/v1/bags',
      },
    ]);
    expect(mesh.objectives[0]).toMatchObject({
      name: 'greeter-availability',
      team: 'hosts',
      indicator: { kind: 'availability' },
      target: 0.99,
      windowDays: 28,
    });
    expect(mesh.cells).toEqual([{ name: 'cell-1', zone: 'here-a', region: 'here' }]);
  });

  it.each([
    ['no YAML', 'name: [', /service\.yaml:\d+: not valid YAML/],
    [
      'a field that nobody knows',
      SERVICE.replace('tier:', 'teir: standard\ntier:'),
      /service\.yaml:5: unknown field teir \(remove it or check its spelling\)/,
    ],
    [
      'a field that is missing',
      SERVICE.replace('tier: standard\n', ''),
      /service\.yaml:1: tier is missing/,
    ],
    [
      'a value of the wrong kind',
      SERVICE.replace('tier: standard', 'tier: gold'),
      /service\.yaml:5: tier: Invalid option/,
    ],
    [
      'a team that does not exist',
      SERVICE.replace('team: hosts', 'team: ghosts'),
      /service\.yaml:3: unknown team ghosts \(mesh\.yaml knows: hosts, guests\)/,
    ],
    [
      'a cell that does not exist',
      SERVICE.replace('[cell-1]', '[cell-1, cell-9]'),
      /service\.yaml:11: unknown cell cell-9/,
    ],
    [
      'a path that is no template',
      SERVICE.replace('/v1/bags', '/v1/bags/*'),
      /service\.yaml:10: operations\.0\.path: must be a path/,
    ],
    [
      'two operations on one route',
      SERVICE.replace(
        'placement',
        '  - { name: lift, class: write, method: POST, path: /v1/bags }\nplacement',
      ),
      /service\.yaml:11: operation lift repeats POST \/v1\/bags of operation carry/,
    ],
    [
      'purposes of what is not personal',
      SERVICE.replace('class: write,', 'class: write, purposes: [support],'),
      /service\.yaml:10: operations\.0\.purposes: only operations of class pii have purposes/,
    ],
    [
      'a purpose that is no name',
      SERVICE.replace('class: write,', 'class: pii, purposes: [Customer support],'),
      /service\.yaml:10: operations\.0\.purposes\.0: must be lower-case/,
    ],
    [
      'a stage that does not exist',
      SERVICE.replace('tier: standard', 'tier: standard\nstage: staging'),
      /service\.yaml:6: stage: /,
    ],
    [
      'a name that another service has',
      SERVICE.replace('name: porter', 'name: greeter'),
      /service greeter is already defined in/,
    ],
    [
      'a name that is no DNS label',
      SERVICE.replace('name: porter', 'name: The_Porter'),
      /service\.yaml:2: name: must be lower-case/,
    ],
  ])('names file and line of %s', async (_what, text, expected) => {
    await write(PORTER, text);
    const found = await problems();
    expect(found.some((line) => expected.test(line))).toBe(true);
    expect(found).toHaveLength(1);
  });

  it('reports every problem of every file at once', async () => {
    await write(
      PORTER,
      SERVICE.replace('team: hosts', 'team: ghosts').replace('product: hello', 'product: goodbye'),
    );
    await write('services/hello/other/service.yaml', 'nonsense');
    expect((await problems()).length).toBe(3);
  });

  it("refuses an objective in another team's folder", async () => {
    await cp(join(directory, 'slo/objectives/hosts'), join(directory, 'slo/objectives/guests'), {
      recursive: true,
    });
    await rm(join(directory, 'slo/objectives/hosts'), { recursive: true });
    expect(await problems()).toEqual([
      'slo/objectives/guests/greeter-availability.yaml:7: greeter belongs to team hosts, not guests (move the file to slo/objectives/hosts/)',
    ]);
  });

  it('says that a folder is no mesh directory', async () => {
    await rm(join(directory, 'mesh.yaml'));
    expect(await problems()).toEqual(['mesh.yaml:1: cannot be read: ENOENT']);
  });

  it('reads again what changed, and is then as a first reading is', async () => {
    const reader = new MeshReader(directory);
    await reader.read();
    await write(PORTER, SERVICE.replace('team: hosts', 'team: ghosts'));
    await expect(reader.read()).rejects.toThrow(/unknown team ghosts/);
    await write(PORTER, SERVICE.replace('tier: standard', 'tier: critical'));
    expect(await reader.read()).toEqual(await loadMesh(directory));
    await rm(join(directory, 'services/hello/porter'), { recursive: true });
    expect(await reader.read()).toEqual(await loadMesh(directory));
    await write(PORTER, SERVICE.replace('team: hosts', 'team: ghosts'));
    await expect(reader.read()).rejects.toThrow(/unknown team ghosts/);
  });
});
