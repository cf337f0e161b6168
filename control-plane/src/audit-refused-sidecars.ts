import { type Hooks, PermissionDenied, type RefusalEvent } from 'envoy-control-plane-ts';
import type { AuditEvent } from './audit-event.js';

/** Whoever is refused comes again after seconds: his further attempts become one entry. */
const AGAIN_MS = 10 * 60_000;
/** Different refusals that are told apart; the others are one. */
const KINDS_MAX = 500;
const OTHERS = 'others';

interface Refusals {
  readonly event: AuditEvent;
  times: number;
}

/**
 * Records streams that the authorizer refuses: who came, by its certificate, and who it said it was. The
 * first attempt is recorded at once, those that follow in ten minutes as their number.
 */
export class RefusedSidecars {
  readonly #known = new Map<string, Refusals>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly record: (event: AuditEvent) => void) {}

  /** The hooks with the recording added. */
  following(hooks: Hooks): Hooks {
    return {
      ...hooks,
      streamRefused: (refusal) => {
        if (refusal.error instanceof PermissionDenied) this.#refused(refusal);
        hooks.streamRefused?.(refusal);
      },
    };
  }

  /** Records what was counted. */
  close(): void {
    clearTimeout(this.#timer);
    this.#again();
  }

  #refused({ peer, node, method, error }: RefusalEvent): void {
    const name = peer.uris.join(', ') || 'no certificate';
    const key = JSON.stringify([name, node?.id, node?.cluster, error.message]);
    const known = this.#known.get(key) ?? this.#known.get(OTHERS);
    if (known !== undefined && (this.#known.has(key) || this.#known.size >= KINDS_MAX)) {
      known.times += 1;
      return;
    }
    const event: AuditEvent = {
      actor: { kind: 'sidecar', name },
      action: 'sidecar-refused',
      subject: node === undefined ? {} : { instance: node.id },
      details: {
        reason: error.message,
        address: peer.address,
        claimedService: node?.cluster,
        method,
      },
    };
    this.#known.set(this.#known.size >= KINDS_MAX ? OTHERS : key, { event, times: 0 });
    this.#timer ??= setTimeout(() => this.#again(), AGAIN_MS).unref();
    this.record(event);
  }

  #again(): void {
    this.#timer = undefined;
    for (const { event, times } of this.#known.values()) {
      if (times > 0) this.record({ ...event, details: { ...event.details, furtherTimes: times } });
    }
    this.#known.clear();
  }
}
