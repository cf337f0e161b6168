import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binary, ensureBinary } from '@dotline/local-parts/binary';
import { envoySource } from '@dotline/local-parts/envoy';
import type { LocalProcess } from '@dotline/local-parts/local-process';
import { opaSource } from '@dotline/local-parts/opa';
import { postgresqlProcess, postgresqlUrl } from '@dotline/local-parts/postgresql';
import { waitUntilReady } from '@dotline/local-parts/start-local-process';
import { ensureValkey, valkeyProcess } from '@dotline/local-parts/valkey';
import type { Revision } from '@dotline/model/revision';
import { ControlPlaneClient } from './control-plane-client.js';
import {
  type DatastoreAdministration,
  providePlatformDatabase,
  providePostgresqlAccess,
  reloadValkeyUsers,
  writeValkeyUsers,
} from './datastore-access.js';
import { HostPolicies } from './host-policies.js';
import { HOST, InstanceHost } from './instance-host.js';
import { MachineError } from './machine-check.js';
import {
  authorityDirectory,
  loopbackPrefix,
  type MeshFolders,
  type MeshState,
} from './mesh-state.js';
import { PlatformIdentities } from './platform-identities.js';
import * as platform from './platform-processes.js';
import { ProcessRegistry } from './process-registry.js';
import { type Death, Supervisor, SupervisorClosedError } from './supervisor.js';

const READY_TIMEOUT_MS = 60_000;
const COMPLAINT_LENGTH_MAX = 300;
const TICK_MS = 1_000;
/** In ticks. Instances are asked each tick until all are ready, then now and then: a death is seen at once anyway. */
const PROBE_EVERY = 3;
const HEARTBEAT_EVERY = 5;
const REVISION_EVERY = 2;

/** What the mesh tells its starter while it lives. */
export interface LocalMeshEvents {
  died(death: Death): void;
  problem(service: string, error: unknown): void;
}

/** The programs that are not npm packages. */
export interface Programs {
  readonly envoy: Binary;
  readonly opa: Binary;
  readonly valkey: Binary;
}

/**
 * Finds or installs Envoy, OPA and Valkey, at once. When one cannot be had, or with the signal, the
 * others are given up too, and nothing of them runs any more when this ends.
 * @throws PartError
 */
export async function ensurePrograms(signal: AbortSignal): Promise<Programs> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const all = [ensureBinary(envoySource, stop), ensureBinary(opaSource, stop), ensureValkey(stop)];
  for (const each of all) each.catch((error: unknown) => failed.abort(error));
  const settled = await Promise.allSettled(all);
  // The others failed because they were given up.
  if (failed.signal.aborted) throw failed.signal.reason;
  const [envoy, opa, valkey] = settled.map(
    (each) => (each as PromiseFulfilledResult<Binary>).value,
  );
  return { envoy, opa, valkey } as Programs;
}

/**
 * Everything of one mesh on this machine: stores, platform, services with their sidecars. The steps
 * are called in their order; `stop` undoes whatever was started.
 */
export class LocalMesh {
  readonly #supervisor: Supervisor;
  readonly #registry: ProcessRegistry;
  readonly #addresses: platform.PlatformAddresses;
  readonly #controlPlane: ControlPlaneClient;
  readonly #identities: PlatformIdentities;
  readonly #policies: HostPolicies;
  #host: InstanceHost | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #ticking = false;
  #revision: Revision | undefined;

  constructor(
    private readonly folders: MeshFolders,
    private readonly state: MeshState,
    private readonly programs: Programs,
    private readonly events: LocalMeshEvents,
  ) {
    this.#registry = new ProcessRegistry(join(folders.root, 'processes.json'));
    this.#supervisor = new Supervisor(folders.logs, this.#registry, (death) => this.#died(death));
    this.#addresses = platform.platformAddresses(folders, state);
    this.#controlPlane = new ControlPlaneClient({
      url: this.#addresses.controlPlaneUrl,
      caBundle: this.#addresses.caBundle,
      joinToken: state.secrets.joinToken,
    });
    this.#identities = new PlatformIdentities(folders.identities, this.#controlPlane);
    this.#policies = new HostPolicies({
      client: this.#controlPlane,
      host: HOST,
      authorizerUrl: platform.authorizerUrl(state),
      startAuthorizer: () => this.#startAuthorizer(),
      stopAuthorizer: () => this.#supervisor.stop('authorizer'),
      problem: (error) => this.events.problem('authorizer', error),
    });
  }

  /** PostgreSQL, Valkey and ClickHouse, each unless a variable names a real cluster. */
  async startStores(): Promise<void> {
    const { ports, secrets } = this.state;
    const starts: Promise<void>[] = [];
    if (process.env.DATABASE_URL === undefined) {
      const settings = {
        directory: join(this.folders.data, 'postgresql'),
        port: ports.postgresql,
        password: secrets.postgresql,
      };
      starts.push(
        postgresqlProcess(settings)
          .then((postgresql) => this.#start(postgresql))
          .then(() =>
            providePlatformDatabase(
              postgresqlUrl(settings, 'postgres'),
              platform.PLATFORM_DATABASE,
            ),
          ),
      );
    }
    if (process.env.REDIS_URL === undefined) {
      const settings = {
        binary: this.programs.valkey.path,
        directory: join(this.folders.data, 'valkey'),
        port: ports.valkey,
        password: secrets.valkey,
        userFile: this.#datastores().valkeyUserFile,
      };
      await writeValkeyUsers([], this.#datastores());
      starts.push(valkeyProcess(settings).then((valkey) => this.#start(valkey)));
    }
    if (process.env.CLICKHOUSE_URL === undefined)
      starts.push(this.#start(platform.clickhouseProcess(this.#context())));
    await Promise.all(starts);
  }

  /**
   * The control plane; resolves when a revision is live.
   * @param follow `<url>#<branch>` that the mesh directory follows
   */
  async startControlPlane(follow: string | undefined): Promise<Revision> {
    await mkdir(authorityDirectory(this.folders), { recursive: true, mode: 0o700 });
    const { opa } = this.programs;
    await this.#start(platform.controlPlaneProcess(this.#context(), opa.path, follow));
    const revision = await this.#controlPlane.revision();
    if (revision === undefined)
      throw new Error('the control plane is healthy without a live revision');
    this.#revision = revision;
    return revision;
  }

  /** Collector, SLO evaluator and page server, and while some team decides single requests the authorizer. */
  async startObservers(pagePort: number): Promise<void> {
    await this.#identities.renew();
    await this.#start(platform.collectorProcess(this.#context()));
    await Promise.all([
      this.#policies.start(),
      this.#start(platform.sloProcess(this.#context())),
      this.#start(platform.pageServerProcess(this.#context(), pagePort)),
    ]);
  }

  /** Services with their sidecars; from here on the mesh follows its revisions by itself. */
  async startInstances(revision: Revision): Promise<void> {
    this.#host = new InstanceHost(
      {
        folders: this.folders,
        loopbackPrefix: loopbackPrefix(this.folders.mesh),
        envoyPath: this.programs.envoy.path,
        xds: { address: '127.0.0.1', port: this.state.ports.xds },
        datastores: this.#datastores(),
        onProblem: (service, error) => {
          if (!(error instanceof SupervisorClosedError)) this.events.problem(service, error);
        },
      },
      this.#supervisor,
      this.#controlPlane,
    );
    await this.#reconcile(revision);
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
  }

  /** How many instances take traffic now, of how many. */
  readiness(): { readonly ready: number; readonly all: number } {
    const instances = this.#host?.instances() ?? [];
    return {
      ready: instances.filter(({ state }) => state === 'ready').length,
      all: instances.length,
    };
  }

  /** Ends everything in the reverse order of its need; leaves no process behind. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#supervisor.close();
    await this.#policies.close();
    const names = this.#supervisor.names();
    const of = (prefix: string) => names.filter((name) => name.startsWith(prefix));
    const stores = ['clickhouse', 'valkey', 'postgresql'];
    const services = [of('app-'), of('sidecar-')];
    const rest = names.filter((name) => !stores.includes(name) && !services.flat().includes(name));
    for (const group of [...services, rest, stores]) {
      await Promise.all(group.map((name) => this.#supervisor.stop(name)));
    }
    await this.#host?.close();
    await this.#controlPlane.close();
    await this.#registry.flush();
  }

  async #start(process_: LocalProcess): Promise<void> {
    this.#supervisor.start(process_);
    try {
      await waitUntilReady(process_, READY_TIMEOUT_MS);
    } catch (error) {
      const log = join(this.folders.logs, `${process_.name}.log`);
      const complaint = lastComplaint(await readFile(log, 'utf8').catch(() => ''));
      throw new MachineError(
        `${process_.name} does not answer after ${READY_TIMEOUT_MS / 1000} s${complaint}; ${log} says more`,
        { cause: error },
      );
    }
  }

  /** One that does not answer in time is kept alive, and waited for again. */
  async #startAuthorizer(): Promise<void> {
    const authorizer = platform.authorizerProcess(this.#context());
    if (this.#supervisor.names().includes(authorizer.name)) {
      await waitUntilReady(authorizer, READY_TIMEOUT_MS);
    } else {
      await this.#start(authorizer);
    }
  }

  async #reconcile(revision: Revision): Promise<void> {
    const { services } = revision.mesh;
    const datastores = this.#datastores();
    await providePostgresqlAccess(services, datastores);
    await writeValkeyUsers(services, datastores);
    if (process.env.REDIS_URL === undefined) await reloadValkeyUsers(datastores);
    await this.#host?.reconcile(revision);
  }

  async #tick(): Promise<void> {
    if (this.#ticking || this.#host === undefined) return;
    this.#ticking = true;
    this.#ticks += 1;
    try {
      const { ready, all } = this.readiness();
      const due = ready < all || this.#ticks % PROBE_EVERY === 0;
      const changed = due && (await this.#host.probe());
      if (changed || this.#ticks % HEARTBEAT_EVERY === 0)
        await this.#controlPlane.putInstances(HOST, this.#host.instances());
      if (this.#ticks % REVISION_EVERY === 0) await this.#follow();
      await this.#identities.renew();
    } catch {
      // The control plane or a store is away: the supervisor repairs it, and the next tick tries again.
    } finally {
      this.#ticking = false;
    }
  }

  async #follow(): Promise<void> {
    const revision = await this.#controlPlane.revision();
    if (revision === undefined || revision.id === this.#revision?.id) return;
    // Most revisions change policies alone, which concern no process.
    const same =
      JSON.stringify(revision.mesh.services) === JSON.stringify(this.#revision?.mesh.services);
    if (!same) await this.#reconcile(revision);
    this.#revision = revision;
  }

  #died(death: Death): void {
    this.events.died(death);
    if (this.#host?.markDead(death.name)) {
      this.#controlPlane.putInstances(HOST, this.#host.instances()).catch(() => undefined);
    }
  }

  #context() {
    return { folders: this.folders, state: this.state, addresses: this.#addresses };
  }

  #datastores(): DatastoreAdministration {
    return {
      postgresqlUrl: this.#addresses.databaseUrl,
      valkeyUrl: this.#addresses.redisUrl,
      valkeyUserFile: join(this.folders.data, 'valkey-users.acl'),
      valkeyPassword: this.state.secrets.valkey,
      servicesSecret: this.state.secrets.services,
    };
  }
}

/** What a process that cannot start printed about it last, as the end of a sentence. */
function lastComplaint(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((candidate) => /error|fatal/i.test(candidate)) ?? lines.at(-1);
  return line === undefined ? '' : ` (${line.trim().slice(0, COMPLAINT_LENGTH_MAX)})`;
}
