import type { Server } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import type { TlsIdentity } from '@dotline/platform-process/tls-identity';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { context } from '@opentelemetry/api';
import { type ResourceProblem, SnapshotCache, XdsServer } from 'envoy-control-plane-ts';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { api, serveApi } from './api.js';
import type { Actor } from './audit-chain.js';
import { RefusedSidecars } from './audit-refused-sidecars.js';
import { AuditTrail } from './audit-trail.js';
import { CertificateAuthority } from './certificate-authority.js';
import { isDatabaseAbsent, openDatabase, untilDatabaseAnswers } from './database.js';
import { deniedCallee } from './denied-callee.js';
import { Fleet } from './fleet.js';
import { InstanceRegistry } from './instance-registry.js';
import { LiveMesh } from './live-mesh.js';
import { type MeshEvent, MeshEvents } from './mesh-events.js';
import { MeshPublisher } from './mesh-publisher.js';
import { commitProblems } from './mesh-source/commit-problems.js';
import { RemoteBranch } from './mesh-source/remote-branch.js';
import { MeshWatcher } from './mesh-watcher.js';
import { Metrics } from './metrics.js';
import { PolicyDemand } from './policy-demand.js';
import { storePreview } from './preview-store.js';
import { ReplicaGate } from './replica-gate.js';
import { readRequestPolicy, writeRequestPolicies } from './request-policy-store.js';
import { type LiveRevision, markEnforced } from './revision-store.js';
import { orderRollout, readInterruptedRollout } from './rollout-store.js';
import { RolloutSupervision } from './rollout-supervision.js';
import { RolloutTraces } from './rollout-traces.js';
import { migrate } from './schema.js';
import { ServerCertificate } from './server-certificate.js';
import type { Settings } from './settings.js';
import { ShadowStage } from './shadow-stage.js';
import { authorizeSidecar } from './sidecar-authorizer.js';
import { SidecarReporter } from './sidecar-reporter.js';
import { forgetUnregisteredSidecars, writeSidecars } from './sidecar-store.js';
import { authorizeStatus } from './status-authorizer.js';
import { StreamBoard } from './stream-board.js';
import { StreamMeter } from './stream-meter.js';

/** Whoever misses an event sees the change so much later. */
const POLL_MS = 2_000;
/** In polls; also how often a mesh directory is read that cannot be watched. */
const SLOW_EVERY = 5;
const XDS_GRACE_MS = 2_000;
/** How long a staged revision waits for a sidecar that refuses to judge by it. */
const SHADOW_WAIT_MS = 2_000;
/** All instances of a service have one identity; a sidecar has one stream, and two for a moment. */
const STREAMS_PER_SERVICE_MAX = 5_000;

/** One replica of the control plane: its parts, who tells whom, and the order of start and stop. */
export class ControlPlane {
  readonly #pool: pg.Pool;
  readonly #metrics = new Metrics();
  readonly #traces = new RolloutTraces();
  readonly #cache = new SnapshotCache({
    whyMissing: (nodeId, typeUrl, name) => this.#whyMissing(nodeId, typeUrl, name),
  });
  readonly #audit: AuditTrail;
  readonly #refused: RefusedSidecars;
  readonly #live: LiveMesh;
  readonly #registry: InstanceRegistry;
  readonly #events: MeshEvents;
  readonly #board: StreamBoard;
  readonly #meter: StreamMeter;
  readonly #policies = new PolicyDemand();
  readonly #supervision: RolloutSupervision;
  readonly #fleet: Fleet;
  readonly #reporter: SidecarReporter;
  readonly #publisher: MeshPublisher;
  readonly #shadow: ShadowStage;
  readonly #abort = new AbortController();
  #certificate: ServerCertificate | undefined;
  #xds: XdsServer | undefined;
  #api: Server | undefined;
  #serving: Promise<void> = Promise.resolve();
  #watcher: MeshWatcher | undefined;
  #watchFailed = false;
  #remote: RemoteBranch | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
    /** Called when something fails after the start without which the process is of no use. */
    private readonly failed: (error: unknown) => void,
  ) {
    this.#pool = openDatabase(settings.databaseUrl, log);
    this.#events = new MeshEvents(settings.redisUrl, log, (event) => this.#heard(event));
    this.#audit = new AuditTrail(this.#pool, log);
    this.#refused = new RefusedSidecars((event) => this.#audit.record(event));
    this.#live = new LiveMesh(this.#pool, log, (live, before) => this.#wentLive(live, before));
    this.#registry = new InstanceRegistry(this.#pool, log, {
      changed: () => this.#instancesChanged(),
      stored: () => this.#events.publish({ type: 'instances' }),
    });
    this.#board = new StreamBoard({
      summary: (nodeId) => this.#xds?.summary(nodeId) ?? [],
      wanted: (nodeId) => this.#cache.sets(nodeId),
      metrics: this.#metrics,
      changed: (nodeId) => this.#reporter.touch(nodeId),
    });
    this.#meter = new StreamMeter({ metrics: this.#metrics, log });
    this.#supervision = new RolloutSupervision({
      pool: this.#pool,
      events: this.#events,
      states: (nodeIds) => this.#board.states(nodeIds),
      serviceOf: (nodeId) => this.#registry.get(nodeId)?.instance.service,
      nodesOf: (services) =>
        this.#registry.list().flatMap(({ instance: { id, service } }) => {
          return services === 'all' || services.has(service) ? [id] : [];
        }),
      settled: (nodeIds, waitMs) => this.#board.settled(nodeIds, waitMs),
      brings: (...asked) => this.#fleet.brings(...asked),
      rollBack: (target, order) => this.#live.rollBack(target, order),
      metrics: this.#metrics,
      log,
    });
    const gate = new ReplicaGate({
      pool: this.#pool,
      settledHere: (nodeIds, waitMs) => this.#board.settled(nodeIds, waitMs),
      connectedHere: () => this.#board.connectedNodes(),
      wanted: (nodeId) => this.#cache.sets(nodeId),
      log,
    });
    this.#fleet = new Fleet({
      cache: this.#cache,
      telemetry: settings.telemetry,
      settledEverywhere: (nodeIds, waitMs) => gate.settled(nodeIds, waitMs),
      settled: (nodeIds, waitMs) => this.#board.settled(nodeIds, waitMs),
      connected: (nodeIds, waitMs) => this.#board.connected(nodeIds, waitMs),
      conductor: this.#supervision,
      placed: () => {
        this.#policies.placed();
        this.#reporter.touchConnected();
      },
      log,
    });
    this.#reporter = new SidecarReporter({
      live: () => this.#live.current,
      placed: () => this.#fleet.placedRevision,
      instances: () => this.#registry.list(),
      states: (nodeIds) => this.#board.states(nodeIds),
      connected: () => this.#board.connectedNodes(),
      isAnswering: (nodeId) => this.#board.isAnswering(nodeId),
      write: (sidecars) => writeSidecars(this.#pool, sidecars),
      markEnforced: async (...enforced) => {
        await markEnforced(this.#pool, ...enforced);
        this.#traces.enforced(...enforced);
      },
      written: () => this.#events.publish({ type: 'sidecars' }),
      metrics: this.#metrics,
      log,
    });
    this.#shadow = new ShadowStage({
      pool: this.#pool,
      live: () => this.#live.current,
      place: async (staged) => {
        this.#policies.staged(staged);
        await this.#policies.met();
        const settled = this.#board.settled(this.#fleet.setStaged(staged), SHADOW_WAIT_MS);
        this.#reporter.touchConnected();
        return settled;
      },
      changed: () => this.#events.publish({ type: 'shadow' }),
      audited: (event) => this.#audit.record(event),
      log,
    });
    this.#publisher = new MeshPublisher({
      directory: settings.meshDirectory,
      compiler: new PolicyCompiler({
        warmUp: true,
        opaPath: settings.opaPath,
        cacheDirectory: settings.policyCacheDirectory,
        log: (message, facts) => log.debug(facts, message),
      }),
      pool: this.#pool,
      live: this.#live,
      events: this.#events,
      metrics: this.#metrics,
      traces: this.#traces,
      log,
    });
  }

  /** What it counts about itself. */
  get registry(): Registry {
    return this.#metrics.registry;
  }

  /** Who this process is towards the collector. @throws Error before a revision tells the trust domain */
  async identity(): Promise<TlsIdentity> {
    if (this.#certificate === undefined || !this.isServing) {
      throw new Error('the control plane has no identity yet');
    }
    const { key, certificate, bundle } = this.#certificate.current;
    return { key, cert: certificate, ca: bundle };
  }

  /** Starts to serve: the API, and sidecars as soon as a revision is known, which after a restart it is. */
  async serve(): Promise<void> {
    const { settings, log } = this;
    const authority = await CertificateAuthority.open(settings.caDirectory);
    this.#certificate = await ServerCertificate.create(authority, this.#names(), (error) =>
      log.error({ err: error }, 'the own certificate cannot be renewed'),
    );
    const served = await serveApi(
      api({
        joinToken: settings.joinToken,
        authority,
        live: () => this.#live.current,
        requestPolicy: (hash) => readRequestPolicy(this.#pool, hash),
        keepRequestPolicy: (hash, { team }, document) =>
          writeRequestPolicies(this.#pool, [{ hash, team, document }]),
        policies: this.#policies,
        putInstances: (host, instances) => this.#registry.put(host, instances),
        rollBack: (target, order) => this.#live.rollBack(target, order),
        release: (actor) => this.#release(actor),
        orderRollout: (order) => orderRollout(this.#pool, order),
        audited: (event) => this.#audit.record(event),
        shadow: this.#shadow,
        storePreview: (page) => storePreview(this.#pool, page),
        metrics: this.#metrics,
        log,
      }),
      this.#certificate,
      settings.apiListen,
    );
    this.#api = served.server;
    log.info({ port: served.port }, 'API listens');

    await untilDatabaseAnswers('migrating', log, this.#abort.signal, () => migrate(this.#pool));
    await untilDatabaseAnswers('reading instances', log, this.#abort.signal, async () => {
      await forgetUnregisteredSidecars(this.#pool);
      await this.#registry.load();
      await this.#shadow.refresh();
      const interrupted = await readInterruptedRollout(this.#pool);
      if (interrupted !== undefined) this.#fleet.resume(interrupted.run, interrupted.index);
      await this.#live.refresh();
    });
    await this.#serving;
  }

  /** Whether sidecars are served. */
  get isServing(): boolean {
    return this.#xds !== undefined;
  }

  /** Starts to follow the mesh directory. Resolves when it has been read. */
  async follow(): Promise<void> {
    const { settings, log } = this;
    this.#watcher = await MeshWatcher.start(
      settings.meshDirectory,
      (change) => void this.#publisher.publish(change),
      () => void this.#publisher.prepare(),
      (error) => {
        if (!this.#watchFailed) {
          log.error({ err: error }, 'the mesh directory cannot be watched: it is read every 10 s');
        }
        this.#watchFailed = true;
      },
    );
    await this.#publisher.publish();
    this.#followRemote();
    void this.#poll();
  }

  /** What is pushed to the followed branch comes into the mesh directory. */
  #followRemote(): void {
    const { meshDirectory: directory, followed, opaPath, policyCacheDirectory } = this.settings;
    if (followed === undefined) return;
    const tools = { opaPath, cacheDirectory: policyCacheDirectory };
    this.#remote = new RemoteBranch({
      directory,
      followed,
      check: (commit) => commitProblems(directory, commit, tools),
      report: (problems) => this.#publisher.setSourceProblems(problems),
      log: this.log,
    });
    this.#remote.start();
  }

  /** Stops taking changes, hands sidecars over to whoever comes next, writes down what is known. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#live.close();
    await this.#remote?.close();
    await this.#watcher?.close();
    await this.#publisher.close();
    this.#supervision.close();
    await this.#fleet.close();
    this.#traces.close();
    await this.#xds?.close({ graceMs: XDS_GRACE_MS });
    await this.#reporter.close();
    await this.#registry.close();
    this.#api?.close();
    this.#api?.closeAllConnections();
    this.#certificate?.close();
    this.#refused.close();
    await this.#audit.close();
    this.#events.close();
    await this.#pool.end();
  }

  #names(): string[] {
    const hosts = [this.settings.apiListen.host, this.settings.xdsListen.host];
    const own = hosts.filter((host) => host !== '0.0.0.0' && host !== '::');
    return [...new Set(['localhost', '127.0.0.1', ...own, ...this.settings.names])];
  }

  #wentLive(live: LiveRevision, before: LiveRevision | undefined): void {
    if (live.rolloutId !== before?.rolloutId) this.#metrics.revisions.inc();
    this.#events.publish({ type: 'revision', revision: live.revision.id });
    const rollout = this.#traces.wentLive(live, before);
    // What is rolled back to is known to work, and wanted in a hurry.
    const order = { rolloutId: live.rolloutId, atOnce: live.rollback !== undefined };
    this.#policies.goingOut(live.revision);
    void context.with(rollout, () => this.#goOut(live, order));
    this.#serving = this.#serving.then(() => this.#serveXds(live));
    this.#serving.catch(this.failed);
  }

  /** Sidecars learn of a revision when authorizers have what they will be asked by. */
  async #goOut({ revision }: LiveRevision, order: { rolloutId: string; atOnce: boolean }) {
    if (!this.#policies.isMet) await this.#policies.met();
    // Another one may have gone live meanwhile.
    if (this.#live.current?.revision === revision) await this.#fleet.setRevision(revision, order);
  }

  /** Starts the xDS server with the first revision; later only follows the trust domain. */
  async #serveXds({ revision }: LiveRevision): Promise<void> {
    const certificate = this.#certificate;
    if (certificate === undefined) return;
    await certificate.identifyAs(platformSpiffeId(revision.mesh.trustDomain, 'control-plane'));
    if (this.#xds !== undefined || this.#abort.signal.aborted) return;
    this.#xds = new XdsServer({
      cache: this.#cache,
      credentials: certificate.grpcCredentials(),
      notReady: () => (this.#fleet.hasRevision ? undefined : 'no revision has been loaded yet'),
      authorize: ({ peer, node }) =>
        authorizeSidecar(
          { uris: peer.uris, nodeId: node.id, nodeCluster: node.cluster },
          this.#live.current?.revision,
          (id) => this.#registry.get(id)?.instance,
        ),
      authorizeStatus: ({ peer }) => authorizeStatus(peer.uris, this.#live.current?.revision),
      hooks: this.#refused.following(
        this.#meter.following(this.#traces.following(this.#board.hooks)),
      ),
      streamsPerPeerMax: STREAMS_PER_SERVICE_MAX,
    });
    const { host, port } = this.settings.xdsListen;
    const listening = await this.#xds.listen(`${host.includes(':') ? `[${host}]` : host}:${port}`);
    const xds = this.#xds;
    this.#metrics.followLoad(() => xds.load());
    this.log.info({ port: listening, revision: revision.id }, 'xDS listens');
  }

  /** Ends a rollback, and makes live what the mesh directory has. */
  async #release(actor: Actor): Promise<boolean> {
    const released = await this.#live.release(actor);
    if (released) await this.#publisher.publish();
    return released;
  }

  #whyMissing(nodeId: string, typeUrl: string, name: string): ResourceProblem | undefined {
    const revision = this.#live.current?.revision;
    const caller = this.#registry.get(nodeId)?.instance.service;
    if (revision === undefined || caller === undefined) return undefined;
    return deniedCallee(revision, caller, typeUrl, name);
  }

  #instancesChanged(): void {
    const instances = this.#registry.list().map(({ instance }) => instance);
    this.#metrics.instances.reset();
    for (const { state } of instances) this.#metrics.instances.inc({ state });
    this.#fleet.setInstances(instances);
    this.#reporter.touchConnected();
  }

  #heard(event: MeshEvent): void {
    if (event.type === 'revision') void this.#attempt(() => this.#live.refresh());
    if (event.type === 'shadow') void this.#attempt(() => this.#shadow.refresh());
    if (event.type === 'instances') void this.#attempt(() => this.#registry.load());
  }

  async #poll(): Promise<void> {
    const { signal } = this.#abort;
    for (let count = 1; !signal.aborted; count++) {
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.#attempt(() => this.#live.refresh());
      await this.#attempt(() => this.#shadow.refresh());
      if (count % SLOW_EVERY !== 0) continue;
      await this.#attempt(() => this.#registry.load());
      if (this.#watchFailed) await this.#publisher.publish();
    }
  }

  /** Reading again can wait while PostgreSQL is away. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!isDatabaseAbsent(error) && !this.#abort.signal.aborted) {
        this.log.error({ err: error }, 'PostgreSQL cannot be read');
      }
    }
  }
}
