/** Where a rule stands: one side of an edge's proof. */
export interface Witness {
  /** Owner of the rule; `platform` for guardrails and the baseline. */
  readonly team: string;
  /** Relative to the mesh directory. */
  readonly file: string;
  readonly line: number;
  /** The rule's `# METADATA` title, when it has one. */
  readonly title?: string;
  /** Who answers for the rule, of its `custom.owner`. */
  readonly owner?: string;
  /** Why it exists, of its `custom.ticket`. */
  readonly ticket?: string;
  /** Last day on which the rule holds, of its `custom.expires`: `YYYY-MM-DD`, in UTC. */
  readonly expires?: string;
  /** Last commit that touched the file; absent while the file is not committed. */
  readonly commit?: string;
}

/** An operation that both sides agreed on. */
export interface AgreedOperation {
  /** Operation id, such as `fare.estimate`. */
  readonly operation: string;
  readonly need: Witness;
  readonly grant: Witness;
  /** What the caller said it uses it for, sorted; absent when it said nothing. */
  readonly purposes?: readonly string[];
}

/** Caller service → callee service with the operations agreed. No edge, no traffic. */
export interface Edge {
  /** `<caller>-><callee>`: the RBAC policy's name, the graph's line, the telemetry's key. */
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  /** Sorted by operation id, never empty. */
  readonly operations: readonly AgreedOperation[];
}

/** The stable, content-free name of an edge. */
export function edgeId(caller: string, callee: string): string {
  return `${caller}->${callee}`;
}
