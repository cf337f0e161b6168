import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBinary } from '@dotline/local-parts/binary';
import { opaSource } from '@dotline/local-parts/opa';
import { catalogOf } from '@dotline/policies/catalog';
import { NODE_OPTIONS } from '@dotline/runner/control-plane-node-options';
import { commitAll } from '../commit-all.js';
import { benchDirectory } from '../programs.js';
import { spread } from '../quantiles.js';
import type { Compilation, CompileTask } from './compile-process.js';
import {
  type GeneratedMesh,
  generatedMesh,
  type MeshSize,
  writePolicies,
} from './generated-mesh.js';

/** One number that was measured. */
interface PolicyReading {
  readonly what: string;
  readonly wallMs: number;
  /** Of the process and all that it started. */
  readonly cpuMs: number;
  /** What wall time is to be reached, ms. */
  readonly targetMs?: number;
}

export interface PolicyResult {
  readonly size: MeshSize;
  readonly edges: number;
  readonly readings: readonly PolicyReading[];
}

const LARGE: MeshSize = { services: 10_000, teams: 400, needs: 60_000 };
const BANK: MeshSize = { services: 1_500, teams: 60, needs: 9_300 };
const EDITS = 10;
const LIMIT_MS = 900_000;

/**
 * Compiles generated meshes: cold with an empty cache, warm in a new process, unchanged in the same one, and after
 * edits of one team each; beside it, OPA alone does what it can of the same.
 * @throws Error when a process fails
 */
export async function measurePolicies(say: (line: string) => void): Promise<PolicyResult[]> {
  const { path: opaPath } = await ensureBinary(opaSource);
  return [LARGE, BANK].map((size) => {
    const folder = mkdtempSync(join(tmpdir(), 'dotline-policies-bench-'));
    try {
      return measure(folder, opaPath, size, say);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function measure(
  folder: string,
  opaPath: string,
  size: MeshSize,
  say: (line: string) => void,
): PolicyResult {
  const { services, teams, needs } = size;
  const title = `${services} services, ${teams} teams, ${needs} needs`;
  const large = size === LARGE;
  const task: CompileTask = {
    directory: join(folder, 'mesh'),
    cacheDirectory: join(folder, 'cache'),
    opaPath,
    size,
    edits: EDITS,
  };
  const generated = generatedMesh(task.directory, size);
  writePolicies(generated);
  commitAll(task.directory);

  say(`${title}: OPA alone …`);
  const peers = large ? peersOf(folder, opaPath, generated) : [];
  say(`${title}: cold, and ${EDITS} edits …`);
  const [cold, ...later] = compileIn(task);
  const edits = later.slice(0, EDITS);
  commitAll(task.directory);
  say(`${title}: warm …`);
  const [warm, again] = compileIn({ ...task, edits: 0 });
  if (cold === undefined || warm === undefined || again === undefined) {
    throw new Error('a compilation is missing');
  }
  return {
    size,
    edges: warm.edges,
    readings: [
      { what: 'cold: nothing in the cache', ...timesOf(cold), ...(large && { targetMs: 30_000 }) },
      { what: 'warm: a new process', ...timesOf(warm), targetMs: large ? 1_500 : 500 },
      { what: 'unchanged: the same process', ...timesOf(again) },
      {
        what: `one team changed, median of ${EDITS}`,
        wallMs: spread(edits.map(({ wallMs }) => wallMs)).p50,
        cpuMs: spread(edits.map(({ cpuMs }) => cpuMs)).p50,
        targetMs: 300,
      },
      {
        what: 'one team changed, slowest',
        wallMs: spread(edits.map(({ wallMs }) => wallMs)).max,
        cpuMs: spread(edits.map(({ cpuMs }) => cpuMs)).max,
      },
      ...peers,
    ],
  };
}

/** What OPA takes for all teams at once, without checks, witnesses, join and guardrails. */
function peersOf(
  folder: string,
  opaPath: string,
  { mesh, policies }: GeneratedMesh,
): PolicyReading[] {
  const catalog = join(folder, 'catalog.json');
  writeFileSync(catalog, JSON.stringify({ catalog: catalogOf(mesh) }));
  const rego = join(mesh.directory, 'policies', 'teams');
  const entrypoints = mesh.teams.flatMap(({ name }) =>
    ['needs', 'grants'].flatMap((set) => [
      '--entrypoint',
      `mesh/teams/${name.replaceAll('-', '_')}/${set}`,
    ]),
  );
  if (policies.size !== mesh.teams.length) throw new Error('a team without policies');
  return [
    timed('OPA alone: one eval of all teams', opaPath, [
      ...['eval', '--format', 'json', '--data', rego, '--data', catalog],
      'data.mesh.teams',
    ]),
    timed('OPA alone: one build of all teams', opaPath, [
      ...['build', '--target', 'wasm', ...entrypoints],
      ...['--output', join(folder, 'bundle.tar.gz'), rego],
    ]),
  ];
}

function timed(what: string, program: string, args: readonly string[]): PolicyReading {
  const startedMs = performance.now();
  // Of a child that was waited for, the shell knows what CPU it took.
  const script = '"$@" > /dev/null || exit; cat /proc/$$/stat';
  const stat = run('sh', ['-c', script, 'sh', program, ...args]);
  return { what, wallMs: performance.now() - startedMs, cpuMs: childrenCpuMs(stat) };
}

/** `cutime + cstime` of a line of /proc/<pid>/stat; ticks of 10 ms. */
function childrenCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function compileIn(task: CompileTask): Compilation[] {
  const script = join(benchDirectory, 'dist', 'policies', 'compile-process.js');
  const lines = run(process.execPath, [...NODE_OPTIONS, script, JSON.stringify(task)])
    .trim()
    .split('\n');
  return lines.map((line): Compilation => JSON.parse(line));
}

function timesOf({ wallMs, cpuMs }: Compilation): Pick<PolicyReading, 'wallMs' | 'cpuMs'> {
  return { wallMs, cpuMs };
}

function run(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { status, error, stdout } = spawnSync(program, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined || status !== 0) {
    throw new Error(`${program} ${args[0] ?? ''} failed`, { cause: error ?? status });
  }
  return String(stdout);
}

/** Tables for people: each number with its target and with how many times longer OPA alone takes. */
export function policyReport(results: readonly PolicyResult[], machine: string): string {
  const load = loadavg()[0]?.toFixed(1);
  return [
    `Machine: ${machine}, ${load} after. Times contain waiting for a core; CPU does not.`,
    ...results.map(({ size, edges, readings }) => {
      const peer = readings.find(({ what }) => what.startsWith('OPA alone: one build'));
      const rows = readings.map(({ what, wallMs, cpuMs, targetMs }) => [
        what,
        wallMs.toFixed(0),
        cpuMs.toFixed(0),
        targetMs === undefined ? '' : `≤ ${targetMs} ms: ${wallMs <= targetMs ? 'met' : 'MISSED'}`,
        peer === undefined ? '' : `1/${(peer.cpuMs / cpuMs).toFixed(1)}`,
      ]);
      return [
        `### ${size.services} services, ${size.teams} teams, ${size.needs} needs: ${edges} edges`,
        '',
        '| | time, ms | CPU, ms | target | CPU / one build by OPA |',
        '|---|--:|--:|--:|--:|',
        ...rows.map((row) => `| ${row.join(' | ')} |`),
      ].join('\n');
    }),
  ].join('\n\n');
}
