/**
 * What the page server answers: the one API of the page and of the `dotline` command.
 * Types only, no imports at run time, so that the page can share them.
 */
import type { Actor, AuditEntry } from '@dotline/control-plane/audit-chain';
import type { AgreedOperation } from '@dotline/model/edge';
import type { InstanceState } from '@dotline/model/instance';
import type { Language, OperationClass, Tier } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import type { WhenUndecided } from '@dotline/model/request-policy';

/** Requests over the last `LIVE_WINDOW_SECONDS`. Rates are per second, latencies milliseconds. */
export interface TrafficView {
  readonly requestsPerSecond: number;
  /** Share of requests that failed (status ≥ 500 or no answer), 0 to 1. */
  readonly errorRate: number;
  /** Denied attempts per second; not part of `requestsPerSecond`. */
  readonly deniedPerSecond: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

export interface TeamView {
  readonly name: string;
  readonly colour: string;
  readonly contact: string;
}

export interface InstanceView {
  readonly id: string;
  readonly cell: string;
  readonly zone: string;
  readonly region: string;
  readonly state: InstanceState;
  readonly sidecar: SidecarView;
}

export interface SidecarView {
  readonly instance: string;
  readonly service: string;
  readonly connected: boolean;
  /** Revision whose configuration the sidecar has acknowledged for every type; `null` before the first. */
  readonly revision: string | null;
  readonly holdsLiveRevision: boolean;
  readonly rejected: readonly {
    readonly resource: string;
    readonly detail: string;
    /** The revision that brought it. */
    readonly revision?: string;
    /** Where the rule stands that it comes from, and whose it is. */
    readonly team?: string;
    readonly file?: string;
    readonly line?: number;
  }[];
}

/** How far a sidecar is with one resource type. Versions are those of the type as a whole. */
export interface SidecarTypeView {
  readonly typeUrl: string;
  /** `unknown` before the sidecar has been connected for the first time. */
  readonly state: 'synced' | 'stale' | 'not-sent' | 'error';
  /** What it is to have, and what it uses. */
  readonly sentVersion: string | null;
  readonly ackedVersion: string | null;
  /** Milliseconds since the epoch. */
  readonly sentAtMs: number | null;
  readonly ackedAtMs: number | null;
}

/** A resource that a sidecar refuses; it goes on with the version before. */
export interface RejectionView {
  readonly typeUrl: string;
  readonly resource: string;
  readonly version: string;
  /** The sidecar's own words. */
  readonly detail: string;
  readonly atMs: number;
  /** The revision that brought it. */
  readonly revision: string | null;
  /** Rules that it comes from, the likeliest first. */
  readonly rules: readonly {
    readonly edge: string;
    readonly operation: string;
    readonly team: string;
    readonly file: string;
    readonly line: number;
  }[];
}

export interface SidecarDetail {
  readonly instance: string;
  readonly service: string;
  readonly cell: string;
  /** `host:port` of its Envoy's admin interface, to be reached from its own host. */
  readonly adminAddress: string;
  readonly connected: boolean;
  /** When its control plane last wrote about it; `null` when it was never seen. */
  readonly seenAtMs: number | null;
  readonly revision: string | null;
  readonly holdsLiveRevision: boolean;
  readonly types: readonly SidecarTypeView[];
  readonly rejections: readonly RejectionView[];
}

/** `GET /api/sidecars`, and `GET /api/sidecars/:instance` with that one alone. */
export interface SidecarsView {
  /** When it was true, milliseconds since the epoch. */
  readonly atMs: number;
  readonly revision: RevisionView | null;
  readonly sidecars: readonly SidecarDetail[];
}

/** `GET /api/rollout`: the last rollout that runs or ran in waves, or went back; `null` without any. */
export interface RolloutView {
  readonly rollout: string;
  readonly revision: string;
  /** The revision that the other sidecars have, and to which it goes back. */
  readonly baseline: string | null;
  readonly state: 'running' | 'done' | 'rolled-back' | 'superseded';
  /** While it runs. */
  readonly phase: 'moving' | 'watching' | 'paused' | null;
  /** Where it is, or where it ended: such as `switch` in `canary`. */
  readonly step: string | null;
  readonly wave: string | null;
  readonly waves: readonly string[];
  /** Those of the wave, and all that the revision touches. */
  readonly sidecars: { readonly moved: number; readonly touched: number };
  /** Milliseconds since the epoch: its beginning, and that of the step or its end. */
  readonly startedAtMs: number | null;
  readonly sinceMs: number | null;
  /** How long each wave is watched. */
  readonly holdMs: number | null;
  /** What somebody wants of it. */
  readonly order: { readonly action: string; readonly by: string } | null;
  /** Why it did not go on, in words; empty when it did. */
  readonly reasons: readonly string[];
}

/** A sidecar that a revision touches and that does not hold it. */
export interface LaggingSidecar {
  readonly instance: string;
  readonly service: string;
  /**
   * `held-back`: it has all it was given, but the rollout has not come to it.
   */
  readonly reason:
    | 'never-seen'
    | 'disconnected'
    | 'rejected'
    | 'unanswered'
    | 'not-sent'
    | 'held-back';
  /** The type that it lags with, when it is one. */
  readonly typeUrl: string | null;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number | null;
  readonly rejection: RejectionView | null;
}

/**
 * `GET /api/revisions/:name/enforcement`: how far a revision is, by its id, its commit or `live`. With
 * `?waitMs=` the answer comes when it is enforced or superseded, or after so long.
 */
export interface EnforcementView {
  /**
   * `unknown`: no revision of this name has gone live. `rolled-back`: it was live, and is no more: by
   * itself, which `rollout` tells, or by somebody; of `live`, that the mesh directory holds one that went
   * back by itself. `held`: it is not enforced, since it has what was rolled back; `held` tells.
   */
  readonly state: 'enforced' | 'pending' | 'superseded' | 'rolled-back' | 'held' | 'unknown';
  readonly revision: string | null;
  readonly live: string | null;
  /** How many sidecars the revision touches. */
  readonly touched: number;
  readonly lagging: readonly LaggingSidecar[];
  /** Its way in waves, or from where it went back, or that of the one that it waits for; `null` without any. */
  readonly rollout: RolloutView | null;
  /** When, to what, by whom and why it was rolled back; `null` when it was not. */
  readonly rollback: (RollbackView & { readonly to: string }) | null;
  /** What holds it, and the rollback that it is held by; `null` when nothing does. */
  readonly held: (HeldView & { readonly rollback: RollbackView }) | null;
  /** What is wrong in the mesh directory, so that it becomes no revision. */
  readonly problems: readonly Problem[];
}

/** Where the rule stands by which each request for an operation is decided, and what happens undecided. */
export interface RequestRuleView {
  readonly file: string;
  readonly line: number;
  readonly fail: WhenUndecided;
}

/** A dot. */
export interface ServiceView {
  readonly name: string;
  readonly team: string;
  readonly product: string;
  readonly tier: Tier;
  readonly language: Language;
  readonly description: string;
  readonly datastore: string;
  /** `service.yaml`, relative to the mesh directory. */
  readonly file: string;
  readonly operations: readonly {
    readonly id: string;
    readonly class: OperationClass;
    readonly method: string;
    readonly path: string;
    /** The rule that has each of its requests decided when it comes; `null` without one. */
    readonly requestRule: RequestRuleView | null;
  }[];
  readonly instances: readonly InstanceView[];
  readonly health: 'healthy' | 'degraded' | 'down';
  /** What the service received. */
  readonly traffic: TrafficView;
  readonly objectives: readonly ObjectiveView[];
}

/** A line. */
export interface EdgeView {
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  /** Team of the caller: the line's colour. */
  readonly team: string;
  /** Revision in which the edge took its present form. */
  readonly revision: string;
  readonly operations: readonly AgreedOperation[];
  readonly traffic: TrafficView;
}

/** Attempts that policy refused, grouped. Drawn as broken lines between the dots. */
export interface DenialView {
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastAtMs: number;
  /** Which sidecar refused. */
  readonly refusedBy: 'caller' | 'callee';
}

export interface RevisionView {
  readonly id: string;
  readonly commit: string | null;
  readonly createdAtMs: number;
  /** Milliseconds from live to the last sidecar's acknowledgement; `null` while some lag. */
  readonly enforcedInMs: number | null;
  /** When it is live because it was rolled back to; otherwise `null`. */
  readonly rollback: LiveRollbackView | null;
}

/** Why an earlier revision went live again. */
export interface RollbackView {
  /** The revision that was live before, and its commit. */
  readonly from: string;
  readonly fromCommit: string | null;
  readonly by: Actor;
  /** Empty when none was given. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface LiveRollbackView extends RollbackView {
  /** Whether contents of the mesh directory that have what was rolled back are held. */
  readonly pinned: boolean;
  /** What has been held so, the latest last. */
  readonly held: readonly HeldView[];
}

/** A content of the mesh directory that is not enforced: it still has what was rolled back. */
export interface HeldView {
  readonly revision: string;
  readonly commit: string | null;
  /** Who brought it, as far as that is known. */
  readonly by: Actor;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** The revision that was rolled back. */
  readonly of: string;
  /** What of that it still has, the first of it, and whose it is. */
  readonly parts: readonly { readonly team: string; readonly name: string }[];
}

/** `GET /api/revisions?limit=`: each time that a revision went live, newest first. */
export interface RevisionsView {
  readonly live: string | null;
  readonly history: readonly {
    readonly revision: string;
    readonly commit: string | null;
    /** Author of the commit, as Git names him. */
    readonly author: string | null;
    /** Milliseconds since the epoch. */
    readonly liveAtMs: number;
    readonly edges: {
      readonly added: number;
      readonly removed: number;
      readonly changed: number;
    };
    /** `null` when another went live before all sidecars had it, or while some lag. */
    readonly enforcedInMs: number | null;
    readonly sidecars: number | null;
    readonly rollback: RollbackView | null;
  }[];
}

/**
 * `GET /api/audit?limit=&sinceMs=`: the latest entries, newest first.
 * `GET /api/audit/chain?after=&limit=`: entries in the order of the chain, those after a sequence number;
 * none at its end.
 */
export interface AuditView {
  readonly entries: readonly AuditEntry[];
}

/** `GET /api/graph` and the event `graph`. */
export interface GraphView {
  readonly mesh: string;
  readonly revision: RevisionView;
  readonly teams: readonly TeamView[];
  readonly services: readonly ServiceView[];
  readonly edges: readonly EdgeView[];
  readonly denials: readonly DenialView[];
  /** What is wrong in the mesh directory now; the live revision stays until it is mended. */
  readonly problems: readonly Problem[];
  /** One in waves that runs, or one that went back and holds the mesh directory up. */
  readonly rollout: RolloutView | null;
  /** `null` when live figures are complete, otherwise why they are not, such as "ClickHouse does not answer". */
  readonly trafficProblem: string | null;
}

/** Event `traffic`, every second: figures by service name and edge id, and the current denials. */
export interface TrafficUpdate {
  readonly atMs: number;
  readonly services: Readonly<Record<string, TrafficView>>;
  readonly edges: Readonly<Record<string, TrafficView>>;
  readonly denials: readonly DenialView[];
  readonly trafficProblem: string | null;
}

export interface HistoryPoint {
  readonly atMs: number;
  readonly requestsPerSecond: number;
  readonly errorRate: number;
  readonly deniedPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** `GET /api/services/:name`. */
export interface ServiceDetail {
  readonly service: ServiceView;
  readonly owner: TeamView;
  readonly inbound: readonly EdgeView[];
  readonly outbound: readonly EdgeView[];
  /** Last 30 minutes, a point each 10 s. */
  readonly history: readonly HistoryPoint[];
}

/** `GET /api/edges/:caller/:callee`. */
export interface EdgeDetail {
  readonly edge: EdgeView;
  readonly callerOwner: TeamView;
  readonly calleeOwner: TeamView;
  readonly byOperation: readonly { readonly operation: string; readonly traffic: TrafficView }[];
  readonly history: readonly HistoryPoint[];
  /** Latest requests, newest first. */
  readonly recent: readonly {
    readonly atMs: number;
    readonly operation: string;
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly durationMs: number;
    readonly responseFlags: string;
    readonly traceId: string;
  }[];
}

export interface BurnRate {
  /** Such as `1h`. */
  readonly window: string;
  readonly burnRate: number;
}

/** `GET /api/objectives` answers a list of these. */
export interface ObjectiveView {
  readonly name: string;
  readonly title: string;
  readonly service: string;
  readonly team: string;
  readonly indicator: 'availability' | 'latency';
  readonly thresholdMs: number | null;
  readonly target: number;
  readonly windowDays: number;
  readonly good: number;
  readonly total: number;
  /** Share of good events in the window; `null` without events. */
  readonly sli: number | null;
  /** Share of the error budget that is left, 1 to minus infinity; `null` with too little traffic. */
  readonly budgetLeft: number | null;
  /** None with too little traffic. */
  readonly burnRates: readonly BurnRate[];
  readonly alert: 'ok' | 'ticket' | 'page';
  /** Fewer events in the window are too little traffic to say whether the objective is met. */
  readonly eventsNeeded: number;
  /** Milliseconds since the epoch at which the alert state began. */
  readonly alertSinceMs: number;
  /** Milliseconds since the epoch; `null` until the first evaluation, when nothing above is known. */
  readonly evaluatedAtMs: number | null;
  readonly file: string;
  readonly line: number;
}

/** `GET /api/status`. */
export interface StatusView {
  readonly mesh: string;
  readonly revision: RevisionView | null;
  readonly sidecars: readonly SidecarView[];
  readonly problems: readonly Problem[];
  /** One in waves that runs, or one that went back and holds the mesh directory up. */
  readonly rollout: RolloutView | null;
  /** True when every sidecar holds the live revision and nothing holds the mesh directory up. */
  readonly converged: boolean;
  /** Stores and processes that do not answer now, with the reason. */
  readonly unavailable: readonly { readonly part: string; readonly reason: string }[];
}

/** `GET /api/traces/:traceId`. */
export interface TraceView {
  readonly traceId: string;
  readonly spans: readonly {
    readonly spanId: string;
    readonly parentSpanId: string;
    readonly name: string;
    readonly service: string;
    readonly kind: string;
    readonly startMs: number;
    readonly durationMs: number;
    readonly failed: boolean;
  }[];
}

/** Every answer with a status of 400 or more. */
export interface ApiProblem {
  readonly error: string;
  readonly hint?: string;
}
