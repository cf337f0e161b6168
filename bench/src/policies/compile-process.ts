// A process that compiles a generated mesh: once as it is, then after each of several edits of one team,
// and says what each took as a line of JSON on standard output.
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CompileFacts, PolicyCompiler } from '@dotline/policies/compile-policies';
import { generatedMesh, type MeshSize, policyFile } from './generated-mesh.js';

/** What the process is asked to do. */
export interface CompileTask {
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly opaPath: string;
  readonly size: MeshSize;
  /** Edits of one team each, after the first compilation. */
  readonly edits: number;
}

/** One compilation. */
export interface Compilation {
  readonly wallMs: number;
  /** Of this process and of the processes that it ran. */
  readonly cpuMs: number;
  readonly edges: number;
  readonly built: number;
  readonly evaluated: number;
}

/** Jiffies a second of /proc: USER_HZ, which Linux fixes at 100 for user space. */
const TICK_MS = 10;

const task = JSON.parse(process.argv[2] ?? '') as CompileTask;
const { mesh } = generatedMesh(task.directory, task.size);
let facts: CompileFacts | undefined;
const compiler = new PolicyCompiler({
  opaPath: task.opaPath,
  cacheDirectory: task.cacheDirectory,
  log: (_message, each) => {
    facts = each;
  },
});

await compile();
for (let edit = 0; edit < task.edits; edit++) {
  const [caller, callee] = pairOf(edit);
  await appendFile(
    join(task.directory, policyFile(caller.team)),
    `\n# METADATA\n# title: Edit ${edit}\nneeds contains {"service": "${caller.name}", "operation": "${callee.name}.put"}\n`,
  );
  await compile();
}
await compile();
await compiler.close();

async function compile(): Promise<void> {
  const cpuBefore = await cpuMs();
  const startedMs = performance.now();
  const { edges } = await compiler.compile(mesh);
  const wallMs = performance.now() - startedMs;
  const { built = 0, evaluated = 0 } = facts ?? {};
  const line: Compilation = {
    wallMs,
    cpuMs: (await cpuMs()) - cpuBefore,
    edges: edges.length,
    built,
    evaluated,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Two neighbours in one team, another team for each edit. */
function pairOf(edit: number) {
  const { services, teams } = task.size;
  const first = Math.floor((((edit * 7 + 3) % teams) * services) / teams);
  const [caller, callee] = [mesh.services[first], mesh.services[first + 1]];
  if (caller === undefined || callee === undefined) throw new RangeError('the mesh is too small');
  return [caller, callee] as const;
}

/** With what the processes used that it started, those that have ended too. */
async function cpuMs(): Promise<number> {
  // Of the main thread, which starts them; a file is read in another one.
  const path = `/proc/self/task/${process.pid}/children`;
  const children = (await readFile(path, 'utf8')).split(' ');
  const all = ['self', ...children.filter((child) => child !== '')];
  const used = await Promise.all(all.map(cpuMsOf));
  return used.reduce((sum, each) => sum + each, 0);
}

async function cpuMsOf(process: string): Promise<number> {
  const stat = await readFile(`/proc/${process}/stat`, 'utf8');
  // After the command's name come state …, utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * TICK_MS;
}
