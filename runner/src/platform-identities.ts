import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlaneClient } from './control-plane-client.js';
import { renewIdentity } from './identity.js';
import type { PlatformPart } from './subject.js';

/** Those that run here with an identity in files; the control plane certifies itself. */
const PARTS: readonly PlatformPart[] = ['collector', 'authorizer', 'slo', 'page-server'];

/** Folder of the identity of a part of the platform, see `renewIdentity`. */
export function platformIdentityDirectory(identities: string, part: PlatformPart): string {
  return join(identities, part);
}

/** The identities of the platform's own processes on this host. */
export class PlatformIdentities {
  readonly #renewAtMs = new Map<PlatformPart, number>();

  constructor(
    private readonly identities: string,
    private readonly controlPlane: ControlPlaneClient,
  ) {}

  /** Renews each that has lived half of its life, at first all. @throws when the control plane is away */
  async renew(): Promise<void> {
    const due = PARTS.filter((part) => Date.now() > (this.#renewAtMs.get(part) ?? 0));
    await Promise.all(
      due.map(async (part) => {
        const directory = platformIdentityDirectory(this.identities, part);
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const notAfterMs = await renewIdentity(directory, { platform: part }, this.controlPlane);
        this.#renewAtMs.set(part, Date.now() + (notAfterMs - Date.now()) / 2);
      }),
    );
  }
}
