import { setTimeout as sleep } from 'node:timers/promises';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import type { Revision } from '@dotline/model/revision';
import { Listr, PRESET_TIMER } from 'listr2';
import { preparePython } from './languages/build-service.js';
import { ensurePrograms, LocalMesh, type Programs } from './local-mesh.js';
import {
  checkDisk,
  checkLanguages,
  checkPlatform,
  checkPort,
  MachineError,
} from './machine-check.js';
import { loadMeshState, meshFolders } from './mesh-state.js';
import { endLeftovers } from './process-registry.js';
import { readRun, removeRun, writeRun } from './run-file.js';

const READY_TIMEOUT_MS = 120_000;
const GIVE_UP_MS = 5_000;

/** What to run. */
export interface UpOptions {
  readonly meshDirectory: string;
  /** Of the page. */
  readonly port: number;
  /** `<url>#<branch>` whose commits come into the mesh directory. */
  readonly follow?: string;
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
  checkPlatform(process.platform, process.arch);
  const mesh = await loadMesh(options.meshDirectory);
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
  await checkLanguages(mesh.services);
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
  let failure: unknown;
  const step = (title: string, work: (task: { title: string }) => Promise<void>) => ({
    title,
    task: async (_: Context, task: { title: string }) => {
      try {
        if (!interrupted.happened()) await work(task);
      } catch (error) {
        failure ??= error;
        // The reason itself is told once, when everything is stopped.
        throw new Error(interrupted.happened() ? 'interrupted' : 'the last line says why');
      }
    },
  });
  const steps = new Listr<Context>(
    [
      step(
        'Envoy, OPA, Valkey (the first time: downloads, and two minutes to build OPA)',
        async (task) => {
          context.programs = await ensurePrograms(interrupted.signal);
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
      ),
      {
        ...step('Packages of the Python services (the first time: downloads)', async (task) => {
          await preparePython(mesh, interrupted.signal);
          task.title = 'Packages of the Python services';
        }),
        enabled: () => mesh.services.some(({ language }) => language === 'python'),
      },
      step('PostgreSQL, Valkey, ClickHouse', () => local().startStores()),
      step('Control plane: policies into edges', async (task) => {
        context.revision = await local().startControlPlane(options.follow);
        task.title = `Control plane: revision ${context.revision.id}, ${context.revision.edges.length} edges`;
      }),
      step('Collector, objectives, page', () => local().startObservers(options.port)),
      step('Services and sidecars (the first time: builds)', async (task) => {
        await local().startInstances(revision());
        await waitForInstances(local(), interrupted, (line) => {
          task.title = `Services and sidecars: ${line}`;
        });
      }),
    ],
    {
      concurrent: false,
      exitOnError: true,
      registerSignalListeners: false,
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
      fallbackRendererOptions: { timer: PRESET_TIMER },
    },
  );
  const starting = steps.run(context).catch((error: unknown) => {
    throw failure ?? error;
  });
  try {
    await Promise.race([starting, interrupted.promise]);
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
    // Installations that were given up remove what they had begun.
    await Promise.race([
      starting.catch(() => undefined),
      sleep(GIVE_UP_MS, undefined, { ref: false }),
    ]);
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
  /** Aborts at the same time. */
  readonly signal: AbortSignal;
  happened(): boolean;
  dispose(): void;
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP. Later ones are ignored: stopping is already under way. */
function interruption(): Interruption {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const onSignal = () => {
    controller.abort();
    resolve();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    promise,
    signal: controller.signal,
    happened: () => controller.signal.aborted,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
