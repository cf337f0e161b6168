/**
 * The words of a mesh as types: what `mesh.yaml`, `service.yaml` and the objectives files say,
 * after validation. All values are plain data, safe to serialise and to freeze.
 */

import type { Egress } from './egress.js';
import type { TokenIssuer } from './request-policy.js';
import type { RolloutPolicy } from './rollout-policy.js';

/** A group of people that owns services, policies and objectives. */
export interface Team {
  readonly name: string;
  /** `#rrggbb`; the colour of the team's dots and lines. */
  readonly colour: string;
  /** Whom to ask: free text that a person can act on, such as a channel or an address. */
  readonly contact: string;
}

/** The smallest unit of failure: instances of one cell share nothing with another cell's. */
export interface Cell {
  readonly name: string;
  readonly zone: string;
  readonly region: string;
}

/** What a caller may do with an operation; policies and guardrails speak of it. */
export type OperationClass = 'read' | 'write' | 'pii';

/** A named thing that a service offers. */
export interface Operation {
  /** `<service>.<operation>`, unique in the mesh, such as `fare.estimate`. */
  readonly id: string;
  /** The name inside its service, such as `estimate`. */
  readonly name: string;
  readonly service: string;
  readonly class: OperationClass;
  /** What the personal data of a `pii` operation may be used for, such as `support`. Absent: for nothing yet. */
  readonly purposes?: readonly string[];
  /** Of egress services: the host outside that is asked, such as `api.cards.example:443`. */
  readonly host?: string;
  /** HTTP method, upper case. */
  readonly method: string;
  /** Path template: literal segments and `{parameter}` segments, such as `/v1/estimates/{id}`. */
  readonly path: string;
}

/** How much others depend on a service. */
export type Tier = 'critical' | 'standard' | 'best-effort';

/** Whether people depend on it yet; services of one stage never talk to services of another. */
export type Stage = 'production' | 'development';

/** Which store a service keeps its data in; each service has a database of its own. */
export type DatastoreKind = 'postgresql' | 'valkey' | 'none';

/** `envoy`: an egress service, which is a sidecar and nothing else. */
export type Language = 'typescript' | 'javascript' | 'python' | 'go' | 'envoy';

/** What a team deploys. */
export interface Service {
  readonly name: string;
  readonly team: string;
  readonly product: string;
  readonly tier: Tier;
  /** Absent: `production`. */
  readonly stage?: Stage;
  /** Whether it carries requests between cells that nothing else connects. Absent: no. */
  readonly router?: boolean;
  readonly language: Language;
  readonly description: string;
  /**
   * Argument vector that starts one instance, run in `directory`; `{binary}` is the built Go program.
   * Empty of an egress service.
   */
  readonly command: readonly string[];
  /** Extra environment of the process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly operations: readonly Operation[];
  /** What the mesh reaches outside through this service; absent when it is a program. */
  readonly egress?: Egress;
  readonly datastore: DatastoreKind;
  /** Cells to run in, one instance for each entry, in order; its length is the number of replicas. */
  readonly placement: readonly string[];
  /** Absolute folder of the `service.yaml`. */
  readonly directory: string;
  /** `service.yaml` relative to the mesh directory. */
  readonly file: string;
}

/** How an objective tells a good event from a bad one. */
export type Indicator =
  | { readonly kind: 'availability' }
  | { readonly kind: 'latency'; readonly thresholdMs: number };

/** A service level objective, as an OpenSLO v1 file states it. */
export interface Objective {
  /** Unique in the mesh, such as `fare-availability`. */
  readonly name: string;
  readonly title: string;
  readonly service: string;
  readonly team: string;
  readonly indicator: Indicator;
  /** Share of good events, between 0 and 1, such as 0.999. */
  readonly target: number;
  /** Length of the rolling window in days. */
  readonly windowDays: number;
  /** Relative to the mesh directory. */
  readonly file: string;
  readonly line: number;
}

/** How many edges one service may have. */
export interface EdgeLimits {
  /** Services that may call one service. */
  readonly fanIn: number;
  /** Services that one service may call. */
  readonly fanOut: number;
}

/** A validated mesh directory: the catalog of everything that policies may speak of. */
export interface Mesh {
  readonly name: string;
  /** Authority of every SPIFFE ID, such as `dotline.example`. */
  readonly trustDomain: string;
  /** Whom to ask about the platform itself. */
  readonly contact: string;
  readonly cells: readonly Cell[];
  readonly teams: readonly Team[];
  readonly products: readonly string[];
  /** Absent: none. */
  readonly limits?: EdgeLimits;
  readonly services: readonly Service[];
  readonly objectives: readonly Objective[];
  /** All at once when absent. */
  readonly rollout?: RolloutPolicy;
  /** Whose tokens are believed; absent when nobody's are. */
  readonly tokenIssuers?: readonly TokenIssuer[];
  /** Absolute path. */
  readonly directory: string;
}
