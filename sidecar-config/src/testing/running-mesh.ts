import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh } from '@dotline/model/mesh';
import type { RequestPolicy } from '@dotline/model/request-policy';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import { SnapshotCache, XdsServer } from 'envoy-control-plane-ts';
import { meshResources } from '../sidecar-resources.js';
import { CertificateAuthority } from './certificate-authority.js';
import { mutualTls, OtlpReceiver } from './otlp-receiver.js';
import { RealSidecar } from './real-sidecar.js';

/** A loopback network of a test's own, so that runs beside each other do not meet. */
export function loopbackNetwork(): (host: number) => { address: string; adminAddress: string } {
  const network = `127.${randomInt(100, 250)}.${randomInt(1, 250)}`;
  return (host) => ({
    address: `${network}.${host}`,
    adminAddress: `${network}.${host}:15000`,
  });
}

/** A mesh of real sidecars with a control plane and a collector in this process. */
export class RunningMesh {
  /** What sidecars refused; must stay empty. */
  readonly nacks: string[] = [];
  readonly #cache = new SnapshotCache();
  readonly #sidecars = new Map<string, RealSidecar>();
  readonly #xds: XdsServer;
  #revision: Revision | undefined;
  #staged: Revision | undefined;

  private constructor(
    readonly mesh: Mesh,
    private instances: readonly Instance[],
    readonly runDirectory: string,
    readonly authority: CertificateAuthority,
    readonly collector: OtlpReceiver,
    xdsCredentials: ReturnType<typeof mutualTls>,
  ) {
    this.#xds = new XdsServer({
      cache: this.#cache,
      credentials: xdsCredentials,
      hooks: { nacked: ({ rejection }) => this.nacks.push(JSON.stringify(rejection)) },
    });
  }

  /** Starts a sidecar for each instance but those named in `absent`, which nobody runs. */
  static async start(options: {
    readonly mesh: Mesh;
    readonly instances: readonly Instance[];
    readonly edges: readonly Edge[];
    readonly absent?: readonly string[];
    /** What apps answer to some paths. */
    readonly documents?: Readonly<Record<string, string>>;
  }): Promise<RunningMesh> {
    const { mesh, instances } = options;
    const authority = await CertificateAuthority.create();
    const identityOf = (part: 'collector' | 'control-plane') =>
      authority.issue(platformSpiffeId(mesh.trustDomain, part));
    const running = new RunningMesh(
      mesh,
      instances,
      await mkdtemp(join(tmpdir(), 'sc-')),
      authority,
      await OtlpReceiver.start('127.0.0.1', await identityOf('collector')),
      mutualTls(await identityOf('control-plane')),
    );
    running.publish(options.edges);
    try {
      await running.#startSidecars(options.absent ?? [], options.documents ?? {});
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  }

  /** Makes a revision with these edges, and these policies about single requests, the live one. */
  publish(edges: readonly Edge[], requestPolicies: readonly RequestPolicy[] = []): Revision {
    this.#revision = makeRevision(
      { mesh: this.mesh, edges, requestPolicies, createdAtMs: 0 },
      this.#revision,
    );
    this.#push();
    return this.#revision;
  }

  /** Has a revision with these edges and policies judged beside the live one, or none; returns its id. */
  stage(
    edges: readonly Edge[] | undefined,
    mesh: Mesh = this.mesh,
    requestPolicies: readonly RequestPolicy[] = [],
  ): string | undefined {
    const content = { mesh, edges: edges ?? [], requestPolicies, createdAtMs: 0 };
    this.#staged = edges && makeRevision(content, undefined);
    this.#push();
    return this.#staged?.id;
  }

  get revisionId(): string {
    return this.#revision?.id ?? '';
  }

  /** Says that instances are elsewhere or in another state. */
  announce(instances: readonly Instance[]): void {
    this.instances = instances;
    this.#push();
  }

  sidecar(instanceId: string): RealSidecar {
    const sidecar = this.#sidecars.get(instanceId);
    if (sidecar === undefined) throw new Error(`no sidecar ${instanceId}`);
    return sidecar;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sidecars.values()].map((sidecar) => sidecar.stop()));
    await this.#xds.close();
    this.collector.stop();
    await rm(this.runDirectory, { recursive: true, force: true });
  }

  async #startSidecars(
    absent: readonly string[],
    documents: Readonly<Record<string, string>>,
  ): Promise<void> {
    const controlPlanePort = await this.#xds.listen('127.0.0.1:0');
    const started = this.instances.filter(({ id }) => !absent.includes(id));
    for (const instance of started) {
      const sidecar = await RealSidecar.start({
        runDirectory: this.runDirectory,
        trustDomain: this.mesh.trustDomain,
        instance,
        authority: this.authority,
        controlPlanePort,
        documents,
      });
      this.#sidecars.set(instance.id, sidecar);
    }
    await Promise.all([...this.#sidecars.values()].map((sidecar) => sidecar.ready()));
  }

  #push(): void {
    if (this.#revision === undefined) return;
    const { port, httpPort } = this.collector;
    const resourcesOf = meshResources({
      revision: this.#revision,
      staged: this.#staged,
      instances: this.instances,
      telemetry: {
        grpc: { address: '127.0.0.1', port },
        http: { address: '127.0.0.1', port: httpPort },
      },
    });
    for (const instance of this.instances) {
      this.#cache.setSnapshot(instance.id, resourcesOf(instance));
    }
  }
}
