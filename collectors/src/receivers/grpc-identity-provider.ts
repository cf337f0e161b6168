import type { experimental } from '@grpc/grpc-js';
import type { IdentityFolder } from '../peer/identity.js';

type Provider = experimental.CertificateProvider;
type CaListener = Parameters<Provider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0];

/**
 * Hands grpc-js each new identity, so that a renewed certificate serves new connections without a
 * restart. grpc-js's own file watcher reads the files one by one and may mix an old key with a new
 * certificate.
 */
export class GrpcIdentityProvider implements Provider {
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();

  readonly #folder: IdentityFolder;

  constructor(folder: IdentityFolder) {
    this.#folder = folder;
    folder.listen(({ certificate, key, bundle }) => {
      for (const listener of this.#caListeners) listener({ caCertificate: bundle });
      for (const listener of this.#identityListeners) listener({ certificate, privateKey: key });
    });
  }

  // grpc-js adds its server to those it tells only after it has added the listener, so the first
  // identity has to come a little later.

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    queueMicrotask(() => listener({ caCertificate: this.#folder.current.bundle }));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    queueMicrotask(() => {
      const { certificate, key } = this.#folder.current;
      listener({ certificate, privateKey: key });
    });
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }
}
