import { setTimeout as sleep } from 'node:timers/promises';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import type { Revision } from '@dotline/model/revision';
import { Listr, PRESET_TIMER } from 'listr2';
import { ensurePrograms, LocalMesh, type Programs } from './local-mesh.js';
import { checkDisk, checkPort, MachineError } from './machine-check.js';
import { loadMeshState, meshFolders } from './mesh-state.js';
import { endLeftovers } from './process-registry.js';
import { readRun, removeRun, writeRun } from './run-file.js';

const READY_TIMEOUT_MS = 120_000;

/** What to run. */
export interface UpOptions {
  readonly meshDirectory: string;
  /** Of the page. */
  readonly port: number;
  /** Where lines for a person go. */
  readonly print: (line: string) => void;
}

interface Context {
  mesh?: Mesh;
  programs?: Programs;
  local?: LocalMesh;
  revision?: Revision;
}

/**
 * Runs a mesh until it is interrupted, then stops all of it.
 * @throws MachineError, MeshError, PartError: what is wrong and what to do, with nothing left running
 */
export async function up(options: UpOptions): Promise<void> {
  const startedAtMs = Date.now();
  const pageUrl = `http://127.0.0.1:${options.port}`;
  await loadMesh(options.meshDirectory);
  const folders = await meshFolders(options.meshDirectory);
  const running = await readRun(folders);
  if (running !== undefined) {
    throw new MachineError(
      `the mesh is already up at ${running.pageUrl} (process ${running.pid}); npx dotline down stops it`,
    );
  }
  const leftovers = await endLeftovers(`${folders.root}/processes.json`);
  if (leftovers.length > 0)
    options.print(`Ended ${leftovers.length} processes that an earlier run left behind.`);
  await checkDisk(folders.root);
  await checkPort(options.port);
  const state = await loadMeshState(folders);

  const interrupted = interruption();
  const context: Context = {};
  const local = (): LocalMesh => {
    if (context.local === undefined) throw new Error('a step ran out of order');
    return context.local;
  };
  const revision = (): Revision => {
    if (context.revision === undefined) throw new Error('a step ran out of order');
    return context.revision;
  };
  const steps = new Listr<Context>(
    [
      {
        title: 'Envoy, OPA, Valkey (the first time: downloads, and two minutes to build OPA)',
        task: async (_, task) => {
          context.programs = await ensurePrograms();
          const { envoy, opa, valkey } = context.programs;
          task.title = `Envoy ${envoy.version}, OPA ${opa.version}, Valkey ${valkey.version}`;
          context.local = new LocalMesh(folders, state, context.programs, {
            died: ({ name, reason, restartInMs }) =>
              options.print(`${name} ended (${reason}); starting it again in ${restartInMs} ms`),
            problem: (service, error) =>
              options.print(
                `${service}: ${error instanceof Error ? error.message : String(error)}`,
              ),
          });
        },
      },
      { title: 'PostgreSQL, Valkey, ClickHouse', task: () => local().startStores() },
      {
        title: 'Control plane: policies into edges',
        task: async (_, task) => {
          context.revision = await local().startControlPlane();
          task.title = `Control plane: revision ${context.revision.id}, ${context.revision.edges.length} edges`;
        },
      },
      { title: 'Collector, objectives, page', task: () => local().startObservers(options.port) },
      {
        title: 'Services and sidecars',
        task: async (_, task) => {
          await local().startInstances(revision());
          await waitForInstances(local(), interrupted, (line) => {
            task.title = `Services and sidecars: ${line}`;
          });
        },
      },
    ],
    {
      concurrent: false,
      exitOnError: true,
      registerSignalListeners: false,
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
      fallbackRendererOptions: { timer: PRESET_TIMER },
    },
  );
  try {
    await Promise.race([steps.run(context), interrupted.promise]);
    if (!interrupted.happened()) {
      await writeRun(folders, pageUrl);
      const { all } = local().readiness();
      const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
      options.print(
        `Dotline is up after ${seconds} s: ${pageUrl} (${revision().mesh.services.length} services, ${all} sidecars, ${revision().edges.length} edges). Ctrl-C stops all of it.`,
      );
      await interrupted.promise;
    }
    options.print('Stopping …');
  } finally {
    await context.local?.stop();
    await removeRun(folders);
    interrupted.dispose();
  }
  options.print('Stopped.');
}

async function waitForInstances(
  mesh: LocalMesh,
  interrupted: Interruption,
  show: (line: string) => void,
): Promise<void> {
  const untilMs = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const { ready, all } = mesh.readiness();
    show(`${ready}/${all} ready`);
    if (ready === all || interrupted.happened()) return;
    if (Date.now() > untilMs) {
      show(`${ready}/${all} ready; the others are tried further, see .dotline/logs`);
      return;
    }
    await sleep(250);
  }
}

interface Interruption {
  readonly promise: Promise<void>;
  happened(): boolean;
  dispose(): void;
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP. Later ones are ignored: stopping is already under way. */
function interruption(): Interruption {
  let happened = false;
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const onSignal = () => {
    happened = true;
    resolve();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    promise,
    happened: () => happened,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
