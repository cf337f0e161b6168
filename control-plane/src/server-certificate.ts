import { webcrypto } from 'node:crypto';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { PemConverter } from '@peculiar/x509';
import type { CertificateAuthority } from './certificate-authority.js';

/** What the control plane's servers show to their clients. All PEM. */
export interface ServerIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly bundle: string;
  readonly notAfterMs: number;
}

type CertificateProvider = Parameters<
  typeof experimental.createCertificateProviderServerCredentials
>[0];
type CaListener = Parameters<CertificateProvider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<CertificateProvider['addIdentityCertificateListener']>[0];

/** After a failed renewal, which only a broken key or clock can cause. */
const RETRY_MS = 30_000;

/**
 * The control plane's own certificate. It renews itself at half of its life, and at once when the
 * identity changes; servers follow without a restart and without losing a connection.
 */
export class ServerCertificate implements CertificateProvider {
  readonly #listeners = new Set<(identity: ServerIdentity) => void>();
  readonly #caListeners = new Map<CaListener, () => void>();
  readonly #identityListeners = new Map<IdentityListener, () => void>();
  #current: ServerIdentity;
  #spiffeId: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly authority: CertificateAuthority,
    private readonly hosts: readonly string[],
    first: ServerIdentity,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#current = first;
    this.#schedule();
  }

  /**
   * A first certificate, which names hosts only: until a revision is loaded the trust domain is unknown.
   * @param hosts DNS names and addresses under which clients reach the servers
   */
  static async create(
    authority: CertificateAuthority,
    hosts: readonly string[],
    onError: (error: unknown) => void,
  ): Promise<ServerCertificate> {
    const first = await issue(authority, undefined, hosts);
    return new ServerCertificate(authority, hosts, first, onError);
  }

  get current(): ServerIdentity {
    return this.#current;
  }

  /** Takes on an identity, when it is another one than before. */
  async identifyAs(spiffeId: string): Promise<void> {
    if (this.#spiffeId === spiffeId) return;
    this.#spiffeId = spiffeId;
    await this.#renew();
  }

  /** Calls `listener` with each new certificate; returns how to stop that. */
  onRenewed(listener: (identity: ServerIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** gRPC credentials that require a client certificate of this mesh and follow every renewal. */
  grpcCredentials(): ServerCredentials {
    return experimental.createCertificateProviderServerCredentials(this, this, true);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  addCaCertificateListener(listener: CaListener): void {
    const tell = () => listener({ caCertificate: Buffer.from(this.#current.bundle) });
    this.#caListeners.set(listener, this.onRenewed(tell));
    // grpc-js is not ready to hear before this call is over.
    process.nextTick(tell);
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.get(listener)?.();
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    const tell = () =>
      listener({
        certificate: Buffer.from(this.#current.certificate),
        privateKey: Buffer.from(this.#current.key),
      });
    this.#identityListeners.set(listener, this.onRenewed(tell));
    process.nextTick(tell);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.get(listener)?.();
    this.#identityListeners.delete(listener);
  }

  async #renew(): Promise<void> {
    this.#current = await issue(this.authority, this.#spiffeId, this.hosts);
    for (const listener of [...this.#listeners]) listener(this.#current);
    this.#schedule();
  }

  #schedule(): void {
    this.#renewIn((this.#current.notAfterMs - Date.now()) / 2);
  }

  #renewIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#renew().catch((error: unknown) => {
        this.onError(error);
        this.#renewIn(RETRY_MS);
      });
    }, delayMs).unref();
  }
}

async function issue(
  authority: CertificateAuthority,
  spiffeId: string | undefined,
  hosts: readonly string[],
): Promise<ServerIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const signed = await authority.signOwnKey(keys.publicKey, spiffeId, hosts);
  return { ...signed, key: PemConverter.encode(key, PemConverter.PrivateKeyTag) };
}
