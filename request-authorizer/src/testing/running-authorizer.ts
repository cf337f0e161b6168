import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  endProcess,
  type RunningProcess,
  startProcess,
} from '@dotline/collectors/testing/child-process';
import {
  CertificateAuthority,
  putIdentity,
} from '@dotline/platform-process/testing/certificate-authority';
import { OtlpServer } from '@dotline/platform-process/testing/otlp-server';
import type { CompiledRequestPolicy } from '@dotline/policies/compiled-request-policy';

/** Built code, because its threads are. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** PEM texts. */
interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
}

/** What serves documents by their hash over TLS, as the control plane does. */
class DocumentServer {
  readonly documents = new Map<string, Uint8Array>();

  private constructor(
    private readonly server: Server,
    readonly bundle: Buffer,
  ) {}

  static async start(authority: CertificateAuthority): Promise<DocumentServer> {
    const identity = await authority.issue('spiffe://test.example/platform/control-plane');
    const server = createServer({ key: identity.key, cert: identity.certificate });
    const serving = new DocumentServer(server, identity.bundle);
    server.on('request', ({ url = '' }, response) => {
      const document = serving.documents.get(url.replace('/request-policies/', ''));
      if (document === undefined) response.writeHead(404).end();
      else response.end(document);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return serving;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** The authorizer as it runs in production, in a process of its own. */
export class RunningAuthorizer {
  #process: RunningProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly controlPlane: DocumentServer,
    /** Takes its telemetry. */
    readonly collector: OtlpServer,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** @param identity that sidecars know it by */
  static async start(options: {
    readonly socket: string;
    readonly identity: Identity;
  }): Promise<RunningAuthorizer> {
    const directory = await mkdtemp(join(tmpdir(), 'authorizer-'));
    const { certificate, key, bundle } = options.identity;
    await putIdentity(directory, {
      certificate: Buffer.from(certificate),
      key: Buffer.from(key),
      bundle: Buffer.from(bundle),
    });
    // Sidecars have an authority of their own in tests; this one is for the rest of the platform.
    const authority = await CertificateAuthority.create();
    const controlPlane = await DocumentServer.start(authority);
    const telemetry = join(directory, 'telemetry');
    await putIdentity(
      telemetry,
      await authority.issue('spiffe://test.example/platform/authorizer'),
    );
    const collector = await OtlpServer.start(
      await authority.issue('spiffe://test.example/platform/collector'),
    );
    await writeFile(join(directory, 'root.pem'), controlPlane.bundle);
    const running = new RunningAuthorizer(directory, controlPlane, collector, {
      AUTHORIZER_SOCKET: options.socket,
      HTTP_LISTEN: '127.0.0.1:0',
      IDENTITY_DIRECTORY: directory,
      CONTROL_PLANE_URL: controlPlane.url,
      CA_BUNDLE: join(directory, 'root.pem'),
      POLICY_DIRECTORY: join(directory, 'policies'),
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${collector.port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: join(telemetry, 'current', 'bundle.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(telemetry, 'current', 'certificate.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: join(telemetry, 'current', 'key.pem'),
      OTEL_BLRP_SCHEDULE_DELAY: '50',
    });
    await running.restart();
    return running;
  }

  /** Makes policies available to it. */
  serve(policies: readonly CompiledRequestPolicy[]): void {
    for (const { hash, document } of policies) this.controlPlane.documents.set(hash, document);
  }

  /** Has it load policies ahead of the first request, as the runner does; returns the status. */
  async prepare(policies: readonly CompiledRequestPolicy[]): Promise<number> {
    const body = JSON.stringify({ live: policies.map(({ hash }) => hash), staged: [] });
    return (await fetch(`${this.#operations}/policies`, { method: 'PUT', body })).status;
  }

  /** Takes all policies away, as a control plane does that is not there. */
  forget(): void {
    this.controlPlane.documents.clear();
  }

  async kill(): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process, 'SIGKILL');
  }

  /** Such as SIGSTOP, with which it hangs. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.child.kill(signal);
  }

  async restart(): Promise<void> {
    this.#process = await startProcess(MAIN, this.environment);
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.#operations}/metrics`)).text();
  }

  get #operations(): string {
    return `http://127.0.0.1:${Number(this.#process?.listening.port)}`;
  }

  async stop(): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process);
    this.controlPlane.stop();
    await this.collector.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
