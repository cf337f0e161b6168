import { X509Certificate } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { trustDomainOf } from './peer.js';

/** A certificate chain, its key, and the roots that peers are verified with; all PEM. */
export interface Identity {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly bundle: Buffer;
  readonly trustDomain: string;
}

const CHECK_MS = 1_000;
/** A file of a half-made folder is tried again with the next check. */
const READ_ATTEMPTS = 3;

/** Told about each identity, the first included. */
export type IdentityListener = (identity: Identity) => void;

/**
 * The identity in a folder, renewed in place: `current` is a link to the folder of the newest one, and
 * is replaced as a whole. It is looked at every second, because watching a link tells nothing reliable.
 */
export class IdentityFolder {
  readonly #directory: string;
  readonly #listeners = new Set<IdentityListener>();
  readonly #onFailure: (error: unknown) => void;
  #current: Identity;
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string, current: Identity, onFailure: (error: unknown) => void) {
    this.#directory = directory;
    this.#current = current;
    this.#onFailure = onFailure;
    this.#schedule();
  }

  /** Reads the folder for the first time. @throws Error when it holds no usable identity */
  static async open(
    directory: string,
    onFailure: (error: unknown) => void,
  ): Promise<IdentityFolder> {
    return new IdentityFolder(directory, await readIdentity(directory), onFailure);
  }

  get current(): Identity {
    return this.#current;
  }

  /** Calls the listener now and whenever the identity changes. */
  listen(listener: IdentityListener): void {
    this.#listeners.add(listener);
    listener(this.#current);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listeners.clear();
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#check(), CHECK_MS).unref();
  }

  async #check(): Promise<void> {
    try {
      const next = await readIdentity(this.#directory);
      if (!same(next, this.#current)) {
        this.#current = next;
        for (const listener of this.#listeners) listener(next);
      }
    } catch (error) {
      // The old identity serves until it ends.
      this.#onFailure(error);
    }
    if (this.#timer !== undefined) this.#schedule();
  }
}

function same(left: Identity, right: Identity): boolean {
  return (
    left.certificate.equals(right.certificate) &&
    left.key.equals(right.key) &&
    left.bundle.equals(right.bundle)
  );
}

/** Resolving the link first makes the three files belong together. */
async function readIdentity(directory: string): Promise<Identity> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const folder = await realpath(join(directory, 'current'));
      const [certificate, key, bundle] = await Promise.all(
        ['certificate.pem', 'key.pem', 'bundle.pem'].map((file) => readFile(join(folder, file))),
      );
      if (certificate === undefined || key === undefined || bundle === undefined) {
        throw new Error(`${folder} is incomplete`);
      }
      const { subjectAltName } = new X509Certificate(certificate);
      return { certificate, key, bundle, trustDomain: trustDomainOf(subjectAltName) };
    } catch (error) {
      if (attempt === READ_ATTEMPTS) throw error;
      await sleep(20);
    }
  }
}
