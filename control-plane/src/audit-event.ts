import { hostname } from 'node:os';
import type { JsonValue } from './audit-canonical-json.js';
import type { Actor, AuditSubject } from './audit-chain.js';

/** Every action that the audit log knows. */
export type AuditAction =
  | 'revision-published'
  /** The live revision has another commit now, with the same content. */
  | 'revision-committed'
  | 'revision-enforced'
  | 'revision-rolled-back'
  /** A content of the mesh directory is not enforced, since it has what was rolled back. */
  | 'commit-held'
  /** Somebody, or a change of the mesh directory, ended a rollback. */
  | 'rollback-ended'
  /** An operator has sidecars judge a revision beside the live one, or ends that. */
  | 'revision-staged'
  | 'revision-unstaged'
  /** A rollout did not come to all sidecars, or went back from them. */
  | 'rollout-stopped'
  /** An operator paused, resumed, promoted or aborted a rollout in waves. */
  | 'rollout-ordered'
  | 'mesh-refused'
  | 'mesh-mended'
  | 'sidecar-refused'
  /** A holder of the join token may read what sidecars are given, for an hour. */
  | 'operator-certified'
  /** Events were lost: PostgreSQL was away for too long, or did not take them. */
  | 'events-lost';

/** Something that goes into the audit log. */
export interface AuditEvent {
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly subject?: AuditSubject;
  readonly details?: Readonly<Record<string, JsonValue | undefined>>;
}

/** What a control plane does by itself. */
export const CONTROL_PLANE: Actor = { kind: 'control-plane', name: hostname() };
