import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance, InstanceState } from '@dotline/model/instance';
import type { Mesh, Service } from '@dotline/model/mesh';
import type { Revision } from '@dotline/model/revision';
import { sidecarBootstrap } from '@dotline/sidecar-config/bootstrap';
import {
  appSocket,
  identityDirectory,
  outboundSocket,
  publicRootsFile,
  sidecarDirectory,
} from '@dotline/sidecar-config/sidecar-directory';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import type { ControlPlaneClient } from './control-plane-client.js';
import { type DatastoreAdministration, datastoreEnvironment } from './datastore-access.js';
import { renewIdentity } from './identity.js';
import { type PlannedInstance, planInstances, TELEMETRY_PORT } from './instance-plan.js';
import { InstanceProbe } from './instance-probe.js';
import { type BuiltService, buildService } from './languages/build-service.js';
import type { MeshFolders } from './mesh-state.js';
import { writePublicRoots } from './public-roots.js';
import type { Supervisor } from './supervisor.js';

/** A process that lives but has said nothing for so long is ended, and so started again. */
const SILENT_MS_MAX = 20_000;
/** Time for the fleet to stop calling an instance before its processes are stopped. */
const DRAIN_MS = 1_000;
const STARTS_AT_ONCE = 4;
/** How long those that only call others wait for them. */
const CALLEES_MS_MAX = 30_000;

/** What one host needs to know to run instances. */
export interface InstanceHostSettings {
  readonly folders: MeshFolders;
  readonly loopbackPrefix: string;
  readonly envoyPath: string;
  readonly xds: { readonly address: string; readonly port: number };
  readonly datastores: DatastoreAdministration;
  /** Called when a service cannot be built or started; the others go on. */
  readonly onProblem: (service: string, error: unknown) => void;
}

/** What runs beside an instance's sidecar; nothing beside that of an egress service. */
type Program = BuiltService | 'none';

interface Hosted {
  readonly planned: PlannedInstance;
  /** Everything that its processes were started with; another value means a restart. */
  readonly key: string;
  readonly probe: InstanceProbe;
  state: InstanceState;
  /** When app and sidecar last answered, milliseconds since the epoch. */
  appAnsweredAtMs: number;
  sidecarAnsweredAtMs: number;
  renewAtMs: number;
}

/**
 * Runs the instances of a mesh on this machine: an app and a sidecar each, with an identity of its own. An egress
 * service has no app.
 */
export class InstanceHost {
  readonly #hosted = new Map<string, Hosted>();
  readonly #addresses = new Map<string, string>();
  readonly #limit = pLimit(STARTS_AT_ONCE);
  #closed = false;

  constructor(
    private readonly settings: InstanceHostSettings,
    private readonly supervisor: Supervisor,
    private readonly controlPlane: ControlPlaneClient,
  ) {}

  /** The instances of this host as they are now. */
  instances(): Instance[] {
    return [...this.#hosted.values()].map(({ planned, state }) => ({ ...planned.instance, state }));
  }

  /**
   * Builds what is new or changed, then starts, restarts and stops instances until they are those of the
   * mesh. Those that nobody calls are started last, once the others are ready: they begin to call at once.
   */
  async reconcile({ mesh, edges }: Pick<Revision, 'mesh' | 'edges'>): Promise<void> {
    const planned = planInstances(mesh, this.settings.loopbackPrefix, this.#addresses);
    const builds = await this.#build(planned);
    const wanted = new Map(planned.map((each) => [each.id, each]));
    const gone = [...this.#hosted.values()].filter(({ planned: { id } }) => !wanted.has(id));
    await Promise.all(gone.map((hosted) => this.#stop(hosted)));
    const called = new Set(edges.map(({ callee }) => callee));
    const isCalled = ({ service }: PlannedInstance) => called.has(service.name);
    const callers = planned.filter((each) => !isCalled(each));
    await this.#ensureAll(mesh, planned.filter(isCalled), builds);
    if (callers.some(({ id }) => !this.#hosted.has(id))) await this.#untilReady();
    await this.#ensureAll(mesh, callers, builds);
  }

  /** Asks every instance how it is, ends what hangs, renews certificates; true when a state changed. */
  async probe(): Promise<boolean> {
    const changed = await Promise.all(
      [...this.#hosted.values()].map((hosted) => this.#probe(hosted)),
    );
    return changed.includes(true);
  }

  /** Marks the instance of a process that died, so that nobody is sent to it; true when there is one. */
  markDead(processName: string): boolean {
    const hosted = [...this.#hosted.values()].find(
      ({ planned: { id } }) => processName === appName(id) || processName === sidecarName(id),
    );
    if (hosted === undefined) return false;
    hosted.state = 'starting';
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#hosted.values()].map(({ probe }) => probe.close()));
  }

  async #build(planned: readonly PlannedInstance[]): Promise<Map<string, Program>> {
    const builds = new Map<string, Program>();
    const services = new Map<string, Service>(
      planned.map(({ service }) => [service.name, service]),
    );
    for (const service of services.values()) {
      if (service.egress !== undefined) {
        builds.set(service.name, 'none');
        continue;
      }
      try {
        builds.set(
          service.name,
          await buildService(
            service,
            this.settings.folders.mesh,
            join(this.settings.folders.root, 'build'),
          ),
        );
      } catch (error) {
        this.settings.onProblem(service.name, error);
      }
    }
    return builds;
  }

  async #ensureAll(
    mesh: Mesh,
    planned: readonly PlannedInstance[],
    builds: ReadonlyMap<string, Program>,
  ): Promise<void> {
    await Promise.all(
      planned.map((each) =>
        this.#limit(async () => {
          const built = builds.get(each.service.name);
          if (built === undefined) return;
          try {
            await this.#ensure(mesh, each, built);
          } catch (error) {
            this.settings.onProblem(each.service.name, error);
          }
        }),
      ),
    );
  }

  /** Waits for every instance to be ready, and says so to the fleet, but not for ever. */
  async #untilReady(): Promise<void> {
    const untilMs = Date.now() + CALLEES_MS_MAX;
    // A sidecar is ready only when it has its configuration, which only a known instance is sent.
    await this.controlPlane.putInstances(HOST, this.instances()).catch(() => undefined);
    for (; Date.now() < untilMs && !this.#closed; await sleep(250)) {
      const changed = await this.probe();
      const instances = this.instances();
      if (changed) await this.controlPlane.putInstances(HOST, instances).catch(() => undefined);
      if (instances.every(({ state }) => state === 'ready')) return;
    }
  }

  async #ensure(mesh: Mesh, planned: PlannedInstance, built: Program): Promise<void> {
    const key = JSON.stringify([
      planned.instance,
      planned.service.directory,
      built,
      planned.service.environment,
      planned.service.datastore,
    ]);
    const running = this.#hosted.get(planned.id);
    if (running?.key === key) return;
    if (running !== undefined) await this.#stop(running);
    await this.#start(mesh, planned, built, key);
  }

  async #start(mesh: Mesh, planned: PlannedInstance, built: Program, key: string): Promise<void> {
    const { folders } = this.settings;
    const { id, service, instance } = planned;
    this.#addresses.set(id, instance.address);
    const identity = identityDirectory(folders.sockets, id);
    await mkdir(identity, { recursive: true, mode: 0o700 });
    const notAfterMs = await pRetry(
      () => renewIdentity(identity, { service: service.name }, this.controlPlane),
      { retries: 8, minTimeout: 250 },
    );
    const bootstrapFile = join(identity, 'bootstrap.json');
    await writeFile(
      bootstrapFile,
      sidecarBootstrap({
        trustDomain: mesh.trustDomain,
        service: service.name,
        instance,
        controlPlane: this.settings.xds,
        identityDirectory: identity,
      }),
    );
    const socket = appSocket(folders.sockets, id);
    await Promise.all([
      rm(socket, { force: true }),
      rm(outboundSocket(folders.sockets, id), { force: true }),
    ]);
    if (built === 'none') await writePublicRoots(publicRootsFile(folders.sockets, id));
    const probe = new InstanceProbe(built === 'none' ? undefined : socket, instance.adminAddress);
    const now = Date.now();
    this.#hosted.set(id, {
      planned,
      key,
      probe,
      state: 'starting',
      appAnsweredAtMs: now,
      sidecarAnsweredAtMs: now,
      renewAtMs: halfLife(notAfterMs),
    });
    this.supervisor.start({
      name: sidecarName(id),
      command: [
        this.settings.envoyPath,
        '-c',
        bootstrapFile,
        '--concurrency',
        '1',
        '--disable-hot-restart',
        '--log-level',
        'warning',
      ],
      directory: sidecarDirectory(folders.sockets, id),
      environment: {},
      ready: async () => undefined,
    });
    if (built === 'none') return;
    this.supervisor.start({
      name: appName(id),
      command: built.command,
      directory: service.directory,
      environment: {
        ...(await this.#appEnvironment(planned, socket)),
        ...built.environment,
        ...service.environment,
      },
      ready: async () => undefined,
    });
  }

  async #appEnvironment(
    { id, service, instance }: PlannedInstance,
    socket: string,
  ): Promise<Record<string, string>> {
    const stateDirectory = join(this.settings.folders.data, 'services', id);
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    return {
      DOTLINE_SERVICE: service.name,
      DOTLINE_INSTANCE: id,
      DOTLINE_CELL: instance.cell,
      DOTLINE_ZONE: instance.zone,
      DOTLINE_REGION: instance.region,
      DOTLINE_LISTEN: socket,
      DOTLINE_OUTBOUND: outboundSocket(this.settings.folders.sockets, id),
      DOTLINE_STATE_DIRECTORY: stateDirectory,
      ...datastoreEnvironment(service, this.settings.datastores),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${instance.address}:${TELEMETRY_PORT}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_SERVICE_NAME: service.name,
      OTEL_RESOURCE_ATTRIBUTES: [
        `service.instance.id=${id}`,
        `service.namespace=${service.product}`,
        `cloud.region=${instance.region}`,
        `cloud.availability_zone=${instance.zone}`,
        `dotline.cell=${instance.cell}`,
      ].join(','),
    };
  }

  async #stop(hosted: Hosted): Promise<void> {
    const { id } = hosted.planned;
    hosted.state = 'draining';
    await this.controlPlane.putInstances(HOST, this.instances()).catch(() => undefined);
    await sleep(DRAIN_MS);
    await Promise.all([this.supervisor.stop(appName(id)), this.supervisor.stop(sidecarName(id))]);
    await hosted.probe.close();
    this.#hosted.delete(id);
    this.#addresses.delete(id);
  }

  async #probe(hosted: Hosted): Promise<boolean> {
    if (hosted.state === 'draining') return false;
    const { id, service } = hosted.planned;
    const [app, sidecar] = await Promise.all([hosted.probe.app(), hosted.probe.sidecar()]);
    const now = Date.now();
    if (app !== 'silent' || !this.supervisor.isAlive(appName(id))) hosted.appAnsweredAtMs = now;
    if (sidecar !== 'silent' || !this.supervisor.isAlive(sidecarName(id)))
      hosted.sidecarAnsweredAtMs = now;
    if (now - hosted.appAnsweredAtMs > SILENT_MS_MAX) this.#endHanging(hosted, appName(id));
    if (now - hosted.sidecarAnsweredAtMs > SILENT_MS_MAX) this.#endHanging(hosted, sidecarName(id));
    if (now > hosted.renewAtMs) {
      // Tried again a minute later when the control plane is away: half of the certificate's life is left.
      hosted.renewAtMs = now + 60_000;
      const identity = identityDirectory(this.settings.folders.sockets, id);
      renewIdentity(identity, { service: service.name }, this.controlPlane).then(
        (notAfterMs) => {
          hosted.renewAtMs = halfLife(notAfterMs);
        },
        (error) => this.settings.onProblem(service.name, error),
      );
    }
    const state: InstanceState = app === 'ready' && sidecar === 'ready' ? 'ready' : 'starting';
    if (state === hosted.state) return false;
    hosted.state = state;
    return true;
  }

  #endHanging(hosted: Hosted, name: string): void {
    const now = Date.now();
    hosted.appAnsweredAtMs = now;
    hosted.sidecarAnsweredAtMs = now;
    this.supervisor.restart(name);
  }
}

/** Name of this host towards the control plane. */
export const HOST = 'localhost';

function appName(id: string): string {
  return `app-${id}`;
}

function sidecarName(id: string): string {
  return `sidecar-${id}`;
}

function halfLife(notAfterMs: number): number {
  const now = Date.now();
  return now + (notAfterMs - now) / 2;
}
